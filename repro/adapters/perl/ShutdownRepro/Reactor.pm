# The poll reactor of Mojolicious with a chosen order of ready handles. The order comes from the decisions in
# SHUTDOWN_REPRO_DECISIONS ("default" or "2=1,5=1", as in a schedule), else from SHUTDOWN_REPRO_ORDER (client-first or
# server-first), else from poll(2). Load it with MOJO_REACTOR=ShutdownRepro::Reactor.
# The reactor passes the list for poll(2) to IO::Poll::_poll and serves it from the front, so the list is sorted there.
package ShutdownRepro::Reactor;
use Mojo::Base 'Mojo::Reactor::Poll';
use IO::Poll ();

# Hooks for observers. Ready handles are a list of [descriptor, events of poll(2)].
our $rank = sub {0};    # (reactor, descriptor): returns its rank in the order "client first"
our $decided;           # (reactor, number, choice, ready handles by rank)
our $ready;             # (reactor, ready handles in the order in which they will be served)

my ($decisions, $order) = @ENV{qw(SHUTDOWN_REPRO_DECISIONS SHUTDOWN_REPRO_ORDER)};
my %wanted = map { /\A(\d+)=(\d+)\z/ ? ($1, $2) : () } split /,/, $decisions // '';
our $polling;    # the reactor whose tick is running
my $made = 0;

sub one_tick {
  my $self = shift;
  local $polling = $self;
  return $self->SUPER::one_tick;
}

# Serves due timers by deadline, not in the order of a hash.
sub new {
  my $self = shift->SUPER::new(@_);
  tie %{$self->{timers} = {}}, 'ShutdownRepro::Reactor::ByDeadline';
  return $self;
}

my $poll = IO::Poll->can('_poll');
no warnings 'redefine';
*IO::Poll::_poll = sub {
  my $found = &$poll;    # it writes the ready events into our list
  return $found unless $polling && ((caller 1)[3] // '') eq 'Mojo::Reactor::Poll::one_tick';
  my @all    = map { [@_[$_, $_ + 1]] } grep { $_ % 2 } 1 .. $#_;
  my @chosen = in_order(grep { $_->[1] } @all);
  @_[1 .. $#_] = map {@$_} @chosen, grep { !$_->[1] } @all;
  $ready->($polling, @chosen) if $ready;
  return $found;
};

sub in_order {
  my @natural = @_;
  my %rank    = map { $_->[0] => $rank->($polling, $_->[0]) } @natural;
  my @left    = sort { $rank{$a->[0]} <=> $rank{$b->[0]} || $a->[0] <=> $b->[0] } @natural;
  return $order eq 'server-first' ? reverse @left : @left if !defined $decisions && length($order // '');
  my @chosen;
  while (@left > 1) {
    my $choice = $wanted{$made} // 0;
    ($choice) = grep { $left[$_][0] == $natural[@chosen][0] } 0 .. $#left if !defined $decisions;
    $choice = 0 if $choice > $#left;
    $decided->($polling, $made, $choice, @left) if $decided;
    ++$made;
    push @chosen, splice @left, $choice, 1;
  }
  return @chosen, @left;
}

# The table of timers: a hash with keys sorted by deadline, and timers with equal deadlines by the order of arming.
package ShutdownRepro::Reactor::ByDeadline;

sub TIEHASH { return bless {timer => {}, armed => {}, last => 0, left => []}, shift }
sub FETCH   { return $_[0]{timer}{$_[1]} }
sub EXISTS  { return exists $_[0]{timer}{$_[1]} }
sub SCALAR  { return scalar %{$_[0]{timer}} }
sub NEXTKEY { return shift @{$_[0]{left}} }

sub STORE {
  my ($self, $id, $timer) = @_;
  $self->{armed}{$id} //= ++$self->{last};
  $self->{timer}{$id} = $timer;
}

sub DELETE {
  my ($self, $id) = @_;
  delete $self->{armed}{$id};
  return delete $self->{timer}{$id};
}

sub CLEAR { my ($self) = @_; %{$self->{$_}} = () for qw(timer armed) }

sub FIRSTKEY {
  my ($self) = @_;
  my $timer = $self->{timer};
  $self->{left} = [sort { $timer->{$a}{time} <=> $timer->{$b}{time} || $self->{armed}{$a} <=> $self->{armed}{$b} } keys %$timer];
  return shift @{$self->{left}};
}

1;
