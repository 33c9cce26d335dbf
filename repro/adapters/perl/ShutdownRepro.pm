# Events of a Perl program for shutdown-repro, one write(2) each (man 7 shutdown-repro-target). Knows no framework.
# Without SHUTDOWN_REPRO_TRACE nothing is recorded and nothing is opened.
package ShutdownRepro;
use strict;
use warnings;
use Encode      ();
use Fcntl       qw(O_APPEND O_CREAT O_EXCL O_WRONLY);
use Time::HiRes qw(CLOCK_MONOTONIC clock_gettime);

our $by = '';    # who acts, an id; set with local for as long as it does
our @because;    # the numbers of the events that cause what happens now; likewise
our @observes;   # the groups of facts that are recorded; the adapter's to fill before the first event

my ($file, $writer, $next, %last);

# The module that holds the program at its points: see ShutdownRepro::Control.
require ShutdownRepro::Control if $ENV{SHUTDOWN_REPRO_CONTROL};

sub recording { length($ENV{SHUTDOWN_REPRO_TRACE} // '') }

# The next id of a word that was not used yet: "timer:7".
sub fresh { my ($word) = @_; return "$word:" . ++$last{$word} }

# Records that it happened, and returns the event's number. Details: \1 and \0 are booleans, a list is one of ids, and a text
# is marked as one by text().
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

# A process has a file of its own: the first one the file that was asked for, any other that file's name and its number.
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

# After an incomplete write the trace ends: continuing would only leave a gap in its numbers.
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
