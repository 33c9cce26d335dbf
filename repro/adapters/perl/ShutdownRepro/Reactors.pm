# Records the events of Mojolicious reactors of any class: rounds, served handles, timers, errors, and the end of a
# loop.
package ShutdownRepro::Reactors;
use strict;
use warnings;
use IO::Poll     qw(POLLIN POLLOUT);
use Scalar::Util qw(refaddr weaken);
use ShutdownRepro;
use ShutdownRepro::Around qw(around called_by);

our $registering;    # set during the registration of a handle: {name, rank}; for the rank see ShutdownRepro::Reactor
our $purpose;        # set during the arming of a timer: {what, name, owner}; unset for a timer of the program
our $reason;         # set while the loop is being stopped: [why, cause]
our $how = '';       # set while a stream ends: how it ends, such as "peer_eof"
our $ticking;        # the record of the reactor whose tick is running
my (%known, $every_round_of_ev);

sub watch {
  watch_class($_) for grep { $_->can('new') } qw(Mojo::Reactor::Poll Mojo::Reactor::EV);
  count_rounds_of_poll();
  count_rounds_of_ev() if Mojo::IOLoop->singleton->reactor->isa('Mojo::Reactor::EV');
}

# Wraps an inherited method in the class that defines it.
sub watch_class {
  my ($class) = @_;
  my %with = (
    start => \&start,        stop => \&stop,   io        => \&io, remove => \&remove, timer => \&timer,
    recurring => \&recurring, again => \&again, next_tick => \&next_tick
  );
  no strict 'refs';
  around($class, $_, $with{$_}) for grep { defined &{"${class}::$_"} } sort keys %with;
}

# Returns the record of a reactor. Addresses may be reused.
sub loop {
  my ($reactor) = @_;
  my $loop = $known{refaddr $reactor};
  return $loop if $loop && $loop->{reactor};
  $loop = $known{refaddr $reactor} = {id => ShutdownRepro::fresh('loop'), reactor => $reactor, round => 0, told => 0, timers => {}, watched => {}, order => []};
  weaken $loop->{reactor};
  $reactor->on(error => sub { failed($loop, $_[1]) });
  return $loop;
}

# --- rounds
# ---------------------------------------------------------------------------------------------------------------

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

# A round begins when the reactor polls; a reactor without handles only sleeps. Other code may call poll, too, during a
# round.
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

# Receives the handles in the order in which this round will serve them: [descriptor, events of poll(2)].
sub served_next {
  my ($reactor, @ready) = @_;
  loop($reactor)->{order} = \@ready;
}

# --- handles
# --------------------------------------------------------------------------------------------------------------

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

# Reading and writing one handle in one round are one turn.
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

# --- timers
# ---------------------------------------------------------------------------------------------------------------

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

# Returns the innermost line of the program, not of the framework, on the call stack.
sub program_place {
  for (my $i = 1; my ($package, $path, $line) = caller $i; ++$i) {
    return $path =~ s{.*/}{}r . ":$line" if $package !~ /\A(?:Mojo|ShutdownRepro)\b/;
  }
  return 'a timer';
}

# Called inside the callback of the timer, so that its local variables last as long as the callback; see arm_new.
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

# With another timeout it is another timer, so the previous one is recorded as canceled.
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

# The poll reactor also removes a timer right before it fires.
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

# A queued call has the causes of the moment at which it was queued.
sub next_tick {
  my ($before, $reactor, $call) = @_;
  my ($loop, @cause) = (loop($reactor), @ShutdownRepro::because);
  return $reactor->$before(sub {
    local $ShutdownRepro::by      = $loop->{id};
    local @ShutdownRepro::because = @cause;
    &$call;
  });
}

# --- the end
# --------------------------------------------------------------------------------------------------------------

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
