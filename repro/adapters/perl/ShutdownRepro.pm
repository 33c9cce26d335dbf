# Records events of a Perl program for shutdown-repro, one write(2) for each (man 7 shutdown-repro-target). Independent
# of
# frameworks. Without SHUTDOWN_REPRO_TRACE it records nothing and opens no file.
package ShutdownRepro;
use strict;
use warnings;
use Encode      ();
use Fcntl       qw(O_APPEND O_CREAT O_EXCL O_WRONLY);
use Time::HiRes qw(CLOCK_MONOTONIC clock_gettime);

our $by = '';    # id of the actor; set it with local while the actor acts
our @because;    # numbers of the events that cause the next ones; set it with local
our @observes;   # groups of facts that are recorded; the adapter fills it before the first event

my ($file, $writer, $next, %last);

# The module that holds the program at its points.
require ShutdownRepro::Control if $ENV{SHUTDOWN_REPRO_CONTROL};

sub recording { length($ENV{SHUTDOWN_REPRO_TRACE} // '') }

# Returns a new id for a word: "timer:7".
sub fresh { my ($word) = @_; return "$word:" . ++$last{$word} }

# Records an event and returns its number. Details: \1 and \0 are booleans, a list is a list of ids, and text() marks a
# text.
sub event {
  my ($kind, $id, $parent, @detail) = @_;
  open_trace() if !$writer || $writer != $$;
  my $number = $next++;
  return $number unless $file;
  my $line = sprintf '{"seq":%d,"t":%d,"kind":"%s"', $number, now(), $kind;
  $line .= qq(,"id":"$id")         if $id;
  $line .= qq(,"parent":"$parent") if $parent;
  $line .= qq(,"by":"$by")         if $by;
  my %causes = map { $_ => 1 } grep { defined && $_ < $number } @because;
  $line .= ',"because":[' . join(',', sort { $a <=> $b } keys %causes) . ']' if %causes;
  my @fields;
  while (my ($key, $value) = splice @detail, 0, 2) { push @fields, qq("$key":) . json($value) if defined $value }
  $line .= ',"detail":{' . join(',', @fields) . '}' if @fields;
  append("$line}\n");
  ShutdownRepro::Control::reach($kind) if $ENV{SHUTDOWN_REPRO_CONTROL};
  return $number;
}

sub text { my ($text) = @_; return defined $text ? bless {text => "$text"}, 'ShutdownRepro::Text' : undef }

sub now { return int(clock_gettime(CLOCK_MONOTONIC) * 1e9) }

# Each process has its own file: the first process the given one, each other process one with its process id in the
# name.
sub open_trace {
  ($writer, $next) = ($$, 0);
  @because = ();
  undef $file;
  return unless my $path = recording() && $ENV{SHUTDOWN_REPRO_TRACE};
  for my $name ($path, "$path.$$") { last if sysopen $file, $name, O_WRONLY | O_APPEND | O_CREAT | O_EXCL, 0600 }
  if (!defined fileno($file // return)) {
    warn "shutdown-repro: cannot record to $path: $!\n";
    return undef $file;
  }
  append(qq({"format":"shutdown-repro/trace","version":"1.0","tool":"perl adapter","world":"live","observes":[)
      . join(',', map {qq("$_")} @observes) . "]}\n");
}

# The trace ends after an incomplete write, because continuing would leave a gap in its numbers.
sub append {
  my ($line) = @_;
  my $written = syswrite $file, $line;
  return if defined $written && $written == length $line;
  warn "shutdown-repro: cannot record: $!\n";
  undef $file;
}

sub json {
  my ($value) = @_;
  return ${$value} ? 'true' : 'false' if ref $value eq 'SCALAR';
  return '[' . join(',', map {qq("$_")} @$value) . ']' if ref $value eq 'ARRAY';
  return $value =~ /\A-?(?:0|[1-9]\d{0,17})\z/ ? $value : string($value) unless ref $value;
  my $text = string($value->{text});
  return $text =~ /\A"[a-z_]+:(?:0|[1-9]\d*)"\z/ ? qq({"text":$text}) : $text;
}

my %escape = ('"' => '\"', '\\' => '\\\\', "\n" => '\n', "\t" => '\t', "\r" => '\r');

sub string {
  my ($text) = @_;
  $text = utf8::is_utf8($text) ? Encode::encode('UTF-8', $text) : Encode::encode('UTF-8', Encode::decode('UTF-8', $text))
    if $text =~ /[^\x00-\x7f]/;
  $text =~ s/(["\\\x00-\x1f])/$escape{$1} \/\/ sprintf '\u%04x', ord $1/ge;
  return qq("$text");
}

1;
