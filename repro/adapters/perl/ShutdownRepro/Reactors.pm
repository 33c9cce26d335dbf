# Records the events of Mojolicious reactors of any class: rounds, served handles, timers, errors, and the end of a loop.
package ShutdownRepro::Reactors;
use strict;
use warnings;
use IO::Poll     qw(POLLIN POLLOUT);
use Scalar::Util qw(refaddr weaken);
use ShutdownRepro;
use ShutdownRepro::Around qw(around called_by);

our $registering;    # whose a handle is, while it is registered: {name, rank}, see ShutdownRepro::Reactor for the rank
our $purpose;        # what a timer is for, while it is armed: {what, name, owner}; a program's own without one
our $reason;         # why the loop is stopped, while it is: [why, cause]
our $how = '';       # what led to what happens now, in a word: "peer_eof"; for the end of a stream and what follows from it
our $ticking;        # the record of the reactor that is in a tick
my (%known, $every_round_of_ev);

sub watch {
  watch_class($_) for grep { $_->can('new') } qw(Mojo::Reactor::Poll Mojo::Reactor::EV);
  count_rounds_of_poll();
  count_rounds_of_ev() if Mojo::IOLoop->singleton->reactor->isa('Mojo::Reactor::EV');
}

# What a class inherits is wrapped where it is.
sub watch_class {
  my ($class) = @_;
  my %with = (
    start => \&start,        stop => \&stop,   io        => \&io, remove => \&remove, timer => \&timer,
    recurring => \&recurring, again => \&again, next_tick => \&next_tick
  );
  no strict 'refs';
  around($class, $_, $with{$_}) for grep { defined &{"${class}::$_"} } sort keys %with;
}

# The record of a reactor. An address may come again.
sub loop {
  my ($reactor) = @_;
  my $loop = $known{refaddr $reactor};
  return $loop if $loop && $loop->{reactor};
  $loop = $known{refaddr $reactor} = {id => ShutdownRepro::fresh('loop'), reactor => $reactor, round => 0, told => 0, timers => {}, watched => {}, order => []};
  weaken $loop->{reactor};
  $reactor->on(error => sub { failed($loop, $_[1]) });
  return $loop;
}

# --- rounds ---------------------------------------------------------------------------------------------------------------

sub next_round {
  my ($loop) = @_;
  @$loop{qw(told order turn served)} = (0, [], undef, undef);
  ++$loop->{round};
}

sub begin_round {
  my ($loop) = @_;
  return if $loop->{told}++;
  local $ShutdownRepro::by = $loop->{id};
  ShutdownRepro::event('loop.tick', $loop->{id}, undef, number => $loop->{round});
}

# A round begins when the reactor polls; one without handles only sleeps. Others poll too, inside of it.
sub count_rounds_of_poll {
  my $poll = IO::Poll->can('_poll');
  no warnings 'redefine';
  *IO::Poll::_poll = sub {
    next_round($ticking) if $ticking && called_by() eq 'Mojo::Reactor::Poll::one_tick';
    goto &$poll;
  };
  around('Mojo::Reactor::Poll', 'one_tick', sub {
    my ($before, $reactor) = @_;
    local $ticking = loop($reactor);
    next_round($ticking) unless keys %{$reactor->{io} // {}};
    return $reactor->$before;
  });
}

sub count_rounds_of_ev {
  my $loop = loop(Mojo::IOLoop->singleton->reactor);
  $every_round_of_ev = EV::check(sub { next_round($loop) });
  $every_round_of_ev->priority(EV::MAXPRI());
  $every_round_of_ev->keepalive(0);
}

# What a chosen order will serve in this round: [descriptor, events of poll(2)], from the first.
sub served_next {
  my ($reactor, @ready) = @_;
  loop($reactor)->{order} = \@ready;
}

# --- handles --------------------------------------------------------------------------------------------------------------

sub io {
  my ($before, $reactor, $handle, $call) = @_;
  my ($loop, $fd) = (loop($reactor), fileno $handle);
  return $reactor->$before($handle, $call) unless defined $fd;
  my $watched = $loop->{watched}{$fd} = {$registering ? %$registering : (name => "descriptor $fd", rank => 3)};
  return $reactor->$before($handle => sub {
    my ($unused, $writable) = @_;
    my $served = serve($loop, $fd, $watched, $writable);
    local $ShutdownRepro::by      = $loop->{id};
    local @ShutdownRepro::because = ($served);
    &$call;
  });
}

# The read and the write of a handle in one round are one turn.
sub serve {
  my ($loop, $fd, $watched, $writable) = @_;
  return $loop->{turn} if $loop->{served} && $loop->{served} == $watched;
  begin_round($loop);
  my $order = $loop->{order};
  my ($turn) = grep { $_->[0] == $fd } @$order;
  @$order = grep { $_->[0] != $fd && $loop->{watched}{$_->[0]} } @$order;
  my $name   = described($watched, $turn ? $turn->[1] : $writable ? POLLOUT : POLLIN);
  my @before = map { described($loop->{watched}{$_->[0]}, $_->[1]) } @$order;
  local $ShutdownRepro::by      = $loop->{id};
  local @ShutdownRepro::because = ($loop->{turn}, delete $watched->{failed});
  $loop->{served} = $watched;
  return $loop->{turn} = ShutdownRepro::event('loop.serve', $loop->{id}, undef,
    tick => $loop->{round}, handle => ShutdownRepro::text($name), before => ShutdownRepro::text(join(', ', @before) || undef));
}

sub described {
  my ($watched, $events) = @_;
  my ($read, $write) = ($events & ~POLLOUT, $events & POLLOUT);
  return $watched->{name} . ($read && $write ? ' read and write' : $read ? ' read' : ' write');
}

sub failed {
  my ($loop, $error) = @_;
  chomp $error;
  local $ShutdownRepro::by      = $loop->{id};
  local @ShutdownRepro::because = (delete $loop->{failed_in} // $loop->{turn});
  my $told = ShutdownRepro::event('loop.error', $loop->{id}, undef, error => ShutdownRepro::text($error));
  $loop->{served}{failed} = $told if $loop->{served};
}

# --- timers ---------------------------------------------------------------------------------------------------------------

sub timer     { unshift @_, 0; goto &arm_new }
sub recurring { unshift @_, 1; goto &arm_new }

sub arm_new {
  my ($recurring, $before, $reactor, $after, $call) = @_;
  my $loop  = loop($reactor);
  my $timer = {recurring => $recurring, silent => scalar(called_by() =~ /::next_tick\z/)};
  arm($loop, $timer, $after);
  my $key;
  $key = $reactor->$before($after => sub { fire($loop, $key, $timer); &$call });
  $loop->{timers}{$key} = $timer;
  return $key;
}

sub arm {
  my ($loop, $timer, $after) = @_;
  $timer->{id}  = ShutdownRepro::fresh('timer');
  $timer->{due} = ShutdownRepro::now() + $after * 1e9;
  @$timer{qw(after what name owner)} = ($after, $purpose ? @$purpose{qw(what name owner)} : ('user', program_place()));
  return if $timer->{silent};
  $timer->{armed} = ShutdownRepro::event('timer.arm', $timer->{id}, $loop->{id},
    ms => int($after * 1000), what => ShutdownRepro::text($timer->{what}), name => ShutdownRepro::text($timer->{name}),
    recurring => $timer->{recurring} ? \1 : \0, owner => $timer->{owner});
}

# The line of the program, not of the framework, that led here.
sub program_place {
  for (my $i = 1; my ($package, $path, $line) = caller $i; ++$i) {
    return $path =~ s{.*/}{}r . ":$line" if $package !~ /\A(?:Mojo|ShutdownRepro)\b/;
  }
  return 'a timer';
}

# Called by the timer's own callback, so that what it says lasts as long as that: see arm_new.
sub fire {
  my ($loop, $key, $timer) = @_;
  delete $loop->{timers}{$key} unless $timer->{recurring};
  begin_round($loop);
  $loop->{served} = undef;
  return if $timer->{silent};
  local $ShutdownRepro::by      = $loop->{id};
  local @ShutdownRepro::because = ($timer->{armed});
  $loop->{turn} = ShutdownRepro::event('timer.fire', $timer->{id}, $loop->{id},
    what => ShutdownRepro::text($timer->{what}), name => ShutdownRepro::text($timer->{name}));
}

# With another patience it is another timer: what was set is taken back.
sub again {
  my ($before, $reactor, $key, $after) = @_;
  my $loop  = loop($reactor);
  my $timer = $loop->{timers}{$key};
  if ($timer && defined $after) {
    ShutdownRepro::event('timer.cancel', $timer->{id}, $loop->{id});
    arm($loop, $timer, $after);
  }
  elsif ($timer) { $timer->{due} = ShutdownRepro::now() + $timer->{after} * 1e9 }
  return $reactor->$before($key, defined $after ? $after : ());
}

# The poll reactor removes a timer just before it fires, too.
sub remove {
  my ($before, $reactor, $what) = @_;
  my $loop = loop($reactor);
  if (ref $what) {
    my $fd = fileno $what;
    delete $loop->{watched}{$fd} if defined $fd;
  }
  elsif (called_by() !~ /::one_tick\z/ and my $timer = delete $loop->{timers}{$what}) {
    ShutdownRepro::event('timer.cancel', $timer->{id}, $loop->{id}) unless $timer->{silent};
  }
  return $reactor->$before($what);
}

# What is queued happens for the reason that it was queued for.
sub next_tick {
  my ($before, $reactor, $call) = @_;
  my ($loop, @cause) = (loop($reactor), @ShutdownRepro::because);
  return $reactor->$before(sub {
    local $ShutdownRepro::by      = $loop->{id};
    local @ShutdownRepro::because = @cause;
    &$call;
  });
}

# --- the end --------------------------------------------------------------------------------------------------------------

sub start {
  my ($before, $reactor) = @_;
  my $loop = loop($reactor);
  $loop->{stopped} = undef;
  {
    local $ShutdownRepro::by = $loop->{id};
    ShutdownRepro::event('loop.start', $loop->{id});
    $reactor->$before;
  }
  return if ShutdownRepro::Around::over();
  local @ShutdownRepro::because = ($loop->{stopped});
  ShutdownRepro::event('loop.stop', $loop->{id}, undef, left_in($loop));
}

sub stop {
  my ($before, $reactor) = @_;
  my $loop = loop($reactor);
  local @ShutdownRepro::because = (@ShutdownRepro::because, $loop->{asked});
  my ($why, $cause) = $reason ? @$reason : called_by() =~ /::one_tick\z/ ? 'nothing_to_watch' : 'explicit';
  my $told = ShutdownRepro::event('loop.stopping', $loop->{id}, undef, why => ShutdownRepro::text($why), cause => ShutdownRepro::text($cause || undef));
  $loop->{stopped} //= $told;
  return $reactor->$before;
}

sub left_in {
  my ($loop) = @_;
  my ($now, $ioloop) = (ShutdownRepro::now(), $loop->{ioloop});
  my ($in, $out) = map { $ioloop && $ioloop->{$_} || {} } qw(in out);
  return (
    in      => scalar keys %$in,
    out     => scalar keys %$out,
    timers  => scalar(grep { $_->{what} eq 'user' && !$_->{silent} } values %{$loop->{timers}}),
    queued  => scalar @{$loop->{reactor}{next_tick} // []},
    writing => scalar(grep { $_->{stream} && $_->{stream}->is_writing } values %$in, values %$out),
    due     => scalar(grep { $_->{due} <= $now && !$_->{silent} } values %{$loop->{timers}}),
  );
}

1;
