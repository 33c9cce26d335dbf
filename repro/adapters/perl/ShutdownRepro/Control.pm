# Holds the program at points that the controller selects. SHUTDOWN_REPRO_CONTROL is the path of its socket
# (man 7 shutdown-repro-target). When the controller disconnects, every hold ends.
package ShutdownRepro::Control;
use strict;
use warnings;
use IO::Select       ();
use IO::Socket::UNIX ();
use Time::HiRes      qw(CLOCK_MONOTONIC clock_gettime);

our %does;    # the subs that the commands "stop" and "free" call; set by the adapter
my ($socket, $owner, $said, $holding, %armed, %reached) = (undef, 0, '', 0);

sub now { return clock_gettime(CLOCK_MONOTONIC) }

# After a fork the child connects to the controller on its own.
sub meet {
  ($owner, $said) = ($$, '');
  (%armed, %reached) = ();
  $socket = IO::Socket::UNIX->new(Peer => $ENV{SHUTDOWN_REPRO_CONTROL}) or return warn "shutdown-repro: cannot reach the controller: $!\n";
  say_to("hello 1 $$");
  my $until = now() + 5;
  while (defined(my $line = heard($until))) {
    last if $line eq 'go';
    $armed{$1} = 1 if $line =~ /\Aarm (.+)/;
  }
}

sub say_to {
  my ($line) = @_;
  local $SIG{PIPE} = 'IGNORE';
  lose() unless $socket && syswrite $socket, "$line\n";
}

sub lose {
  undef $socket;
  %armed = ();
}

# Returns the next line, or nothing if none comes in time or the controller has disconnected.
sub heard {
  my ($until) = @_;
  while ($socket) {
    return $1 if $said =~ s/\A([^\n]*)\n//;
    return lose() if length $said > 1024;
    my $left = $until - now();
    return if $left <= 0;
    next unless IO::Select->new($socket)->can_read($left);
    return lose() unless sysread $socket, $said, 256, length $said;
  }
  return;
}

# Holds the program here if the controller has armed this point. Code that runs during the hold passes other points.
sub reach {
  my ($name) = @_;
  return if $holding;
  meet() if $owner != $$;
  my $point = "$name#" . ++$reached{$name};
  return unless $armed{$point} || $armed{$name};
  $holding = 1;
  say_to("at $point");
  my $until = now() + 30;
  while ($socket) {
    my $command = heard($until);
    if (!defined $command) {
      last unless $socket;
      say_to("expired $point");
      %armed = ();
      last;
    }
    last if $command eq 'release';
    if (my $call = $does{$command}) {
      local $ShutdownRepro::by      = 'control:1';
      local @ShutdownRepro::because = ();
      eval { $call->(); 1 } or warn "shutdown-repro: $command failed: $@";
    }
    else { say_to("unknown $command") }
  }
  $holding = 0;
}

1;
