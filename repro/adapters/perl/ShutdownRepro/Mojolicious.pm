# Records the events of a Mojolicious program: its loops, timers, streams, servers, transactions and user agents, on any
# reactor.
# Load it with PERL5OPT=-MShutdownRepro::Mojolicious. It changes no file and no behavior: it wraps methods, which do,
# return and
# die as before.
# Nothing here subscribes to the drain event of a stream, because a stream with a subscriber counts as writing.
package ShutdownRepro::Mojolicious;
use strict;
use warnings;
use Scalar::Util qw(refaddr weaken);
use ShutdownRepro;
use ShutdownRepro::Around qw(around called_by);

my (%end);            # our id of a connection ("connection:1", "client:1") by the id that the loop gives it
my (%accepted_by);    # the server of each connection
my (%asked_from);     # by port of a client of this process: the requests that it has sent and no server here has received
my %accepts_for;      # the server of each listening object
our ($listening_for, $accepting_for, $connecting, $built_on, $callback, $finishing);

sub event { goto &ShutdownRepro::event }
sub text  { goto &ShutdownRepro::text }
sub loop_of { my ($ioloop) = @_; return ShutdownRepro::Reactors::loop($ioloop->reactor) }

sub import {
  return unless ShutdownRepro::recording();
  require Mojo::UserAgent;
  require Mojo::Server::Daemon;
  require ShutdownRepro::Reactors;
  @ShutdownRepro::observes = qw(requests connections server clients loops timers callbacks hooks dependencies);
  $ShutdownRepro::Control::does{stop} = sub { Mojo::IOLoop->stop_gracefully } if $ENV{SHUTDOWN_REPRO_CONTROL};
  ShutdownRepro::Reactors::watch();
  follow_order() if Mojo::IOLoop->singleton->reactor->isa('ShutdownRepro::Reactor');
  watch_loops();
  watch_streams();
  watch_servers();
  watch_agents();
}

sub follow_order {
  no warnings 'once';
  my $watched = sub { my ($reactor, $fd) = @_; return ShutdownRepro::Reactors::loop($reactor)->{watched}{$fd} // {name => "descriptor $fd", rank => 3} };
  $ShutdownRepro::Reactor::rank  = sub { $watched->(@_)->{rank} };
  $ShutdownRepro::Reactor::ready = \&ShutdownRepro::Reactors::served_next;
  $ShutdownRepro::Reactor::decided = sub {
    my ($reactor, $number, $choice, @offered) = @_;
    my $loop = ShutdownRepro::Reactors::loop($reactor);
    ShutdownRepro::Reactors::begin_round($loop);
    my @names = map { ShutdownRepro::Reactors::described($watched->($reactor, $_->[0]), $_->[1]) } @offered;
    local $ShutdownRepro::by = $loop->{id};
    $loop->{turn} = event('decision', $loop->{id}, undef, number => $number, choice => $choice, of => scalar @offered,
      label => text("tick $loop->{round}: ready = " . join(', ', @names) . "; served $names[$choice] first"));
  };
}

# --- loops
# ----------------------------------------------------------------------------------------------------------------

my (@servers, $stopping);

sub watch_loops {
  around('Mojo::IOLoop', start           => \&loop_start);
  around('Mojo::IOLoop', stop            => \&loop_stop);
  around('Mojo::IOLoop', stop_gracefully => \&loop_stop_gracefully);
  around('Mojo::IOLoop', emit            => \&loop_emit);
  around('Mojo::IOLoop', on              => \&loop_on);
}

sub instance { my ($ioloop) = @_; return ref $ioloop ? $ioloop : $ioloop->singleton }

sub loop_start {
  my ($before, $ioloop) = @_;
  weaken(loop_of(instance($ioloop))->{ioloop} = instance($ioloop));
  return $ioloop->$before;
}

# The loop calls it, too, at the end of a graceful stop.
sub loop_stop {
  my ($before, $ioloop) = @_;
  my ($inner) = called_by() =~ /\AMojo::IOLoop::(_remove|stop_gracefully)\z/;
  return act('stop', sub { $ioloop->$before }) unless $inner;
  local $ShutdownRepro::Reactors::reason = $inner eq '_remove' ? ['last_incoming_closed', $ShutdownRepro::Reactors::how] : ['no_incoming'];
  return $ioloop->$before;
}

sub loop_stop_gracefully {
  my ($before, $ioloop) = @_;
  my ($self, $loop) = (instance($ioloop), loop_of(instance($ioloop)));
  return act('stop_gracefully', sub {
    my $told = event('loop.stop_gracefully', $loop->{id}, undef, incoming => scalar keys %{$self->{in} // {}});
    local @ShutdownRepro::because = ($loop->{asked} = $told);
    return $ioloop->$before;
  });
}

sub loop_emit {
  my $before = shift;
  my ($ioloop, $name) = @_;
  event('loop.finish', loop_of($ioloop)->{id}) if $name eq 'finish';
  goto &$before;
}

sub loop_on {
  my ($before, $ioloop, $name, $call) = @_;
  return $ioloop->$before($name, $call) if $name ne 'finish';
  my ($hook, $loop) = (ShutdownRepro::fresh('listener'), loop_of($ioloop)->{id});
  event('hook.add', $hook, $loop, name => text(ShutdownRepro::Reactors::program_place()));
  return $ioloop->$before($name => sub {
    local @ShutdownRepro::because = (event('hook.begin', $hook, $loop));
    &$call;
    event('hook.end', $hook, $loop);
  });
}

# The program stops the loop. The act is recorded for the first server that exists.
sub act {
  my ($what, $call) = @_;
  my ($server) = grep {defined} @servers;
  my $id = $server ? $server->{'shutdown-repro'} : 'server:1';
  local @ShutdownRepro::because = (event('act.stop', $id, undef, what => text($what)));
  $stopping = 1;
  $call->();
  event('act.return', $id);
  return;
}

# --- streams
# --------------------------------------------------------------------------------------------------------------

sub record { my ($stream) = @_; return $stream->{'shutdown-repro'} // {} }

sub watch_streams {
  around('Mojo::IOLoop',          '_stream',          \&stream_of_loop);
  around('Mojo::IOLoop::Stream',  'timeout',          \&stream_timeout);
  around('Mojo::IOLoop::Stream',  'write',            \&stream_queue);
  around('Mojo::IOLoop::Stream',  'emit',             \&stream_emit);
  around('Mojo::IOLoop::Stream',  'close_gracefully', \&stream_close_gracefully);
  around('Mojo::IOLoop::Stream',  'close',            \&stream_close);
  around('Mojo::IOLoop::Stream',  '_read',  sub { local $ShutdownRepro::Reactors::how = 'peer_eof'; my $before = shift; &$before });
  around('Mojo::IOLoop::Stream',  '_write', sub { local $ShutdownRepro::Reactors::how = 'graceful_after_write'; my $before = shift; &$before });
}

sub name_of_end { my ($id) = @_; return $id =~ /\Aclient:(\d+)/ ? "client connection:$1" : "server $id" }

sub stream_of_loop {
  my ($before, $ioloop, $stream, $name, $accepted) = @_;
  my $end = $accepted ? ShutdownRepro::fresh('connection') : ($end{$name} // ShutdownRepro::fresh('client'));
  $end{$name} = $end;
  $accepted_by{$end} = $accepting_for if $accepted;
  event($accepted ? ('connection.open', $end, $accepting_for) : ('client.connected', $end));
  my $record = $stream->{'shutdown-repro'} = {id => ShutdownRepro::fresh('stream'), end => $end, loop => loop_of($ioloop), name => $name};
  event('stream.open', $record->{id}, $end);
  local $ShutdownRepro::Reactors::registering = {name => name_of_end($end), rank => $accepted ? 2 : 1};
  $ioloop->$before($stream, $name, $accepted);
  $stream->on(close => sub {
    delete @accepted_by{delete $end{$name}} if $accepted;
    event('stream.close', $record->{id}, $end, how => text($ShutdownRepro::Reactors::how || 'explicit'));
  });
  return $name;
}

sub stream_timeout {
  my ($before, $stream, @seconds) = @_;
  my $record = record($stream);
  return $stream->$before unless @seconds;
  my $what = called_by() eq 'Mojo::Server::Daemon::_finish' ? 'keep-alive' : ($record->{end} // '') =~ /\Aclient/ ? 'client inactivity' : 'inactivity';
  local $ShutdownRepro::Reactors::purpose = {what => $what, name => "$what of " . name_of_end($record->{end} // 'a stream'), owner => $record->{id}};
  return $stream->$before(@seconds);
}

sub stream_queue {
  my ($before, $stream, $chunk, $call) = @_;
  my $record = record($stream);
  if ($record->{id} && (defined $call || length $chunk)) {
    my $queued = event('stream.queue', $record->{id}, $record->{end}, bytes => length $chunk, drain => $call ? \1 : \0);
    $record->{waiting} = $queued if $call;
  }
  return $stream->$before($chunk, $call ? servers_callback(scalar caller, $record->{end}, $call) : ());
}

sub stream_emit {
  my ($before, $stream, $name, @of) = @_;
  my $record = record($stream);
  return $stream->$before($name, @of) unless $record->{id} && $name =~ /\A(?:read|write|drain|timeout)\z/;
  local @ShutdownRepro::because = (@ShutdownRepro::because, $name eq 'drain' ? delete $record->{waiting} : ());
  my @detail = $name eq 'drain' ? (subscribers => scalar @{$stream->{events}{drain} // []}) : $name ne 'timeout' ? (bytes => length $of[0]) : ();
  my $told = event("stream.$name", @$record{qw(id end)}, @detail);
  @ShutdownRepro::because = ($told) if $name ne 'write';
  return $stream->$before($name, @of);
}

sub stream_close_gracefully {
  my ($before, $stream) = @_;
  my $record = record($stream);
  local @ShutdownRepro::because = (@ShutdownRepro::because);
  @ShutdownRepro::because = ($record->{asked} = event('stream.close_gracefully', @$record{qw(id end)}, writing => $stream->is_writing ? \1 : \0))
    if $record->{id} && $stream->{handle};
  return $stream->$before;
}

sub stream_close {
  my ($before, $stream) = @_;
  local @ShutdownRepro::because = (@ShutdownRepro::because, record($stream)->{asked});
  return $stream->$before;
}

# --- servers
# --------------------------------------------------------------------------------------------------------------

sub watch_servers {
  around('Mojo::Server::Daemon', $_->[0] => $_->[1])
    for ([new => \&server_new], [start => \&server_start], [stop => \&server_stop], [DESTROY => \&server_destroy], [_listen => \&server_listen],
    [emit => \&server_emit], [build_tx => \&server_build_tx], [_build_tx => \&server_build_tx_on]);
  around('Mojo::Server::Daemon', $_ => entered($_)) for qw(_read _write _finish _close _trace _remove);
  around('Mojo::IOLoop',         acceptor => \&loop_acceptor);
  around('Mojo::IOLoop::Server', start    => \&acceptor_start);
  around('Mojo::IOLoop::Server', _accept  => \&acceptor_accept);
  around($_,                     on       => \&subscribe) for qw(Mojo::IOLoop::Stream Mojo::Transaction::HTTP);
}

sub server_new {
  my ($before, $class, @with) = @_;
  my $server = $class->$before(@with);
  my $id = $server->{'shutdown-repro'} = ShutdownRepro::fresh('server');
  push @servers, $server;
  weaken $servers[-1];
  event('server.open',   $id, undef, name => text(lc((ref $server) =~ s/.*:://r)));
  event('object.depend', $id, undef, on   => loop_of($server->ioloop)->{id});
  return $server;
}

sub server_start {
  my ($before, $server) = @_;
  my %known = map { $_ => 1 } @{$server->acceptors};
  my $self  = $server->$before;
  for my $new (grep { !$known{$_} } @{$server->acceptors}) {
    event('server.listen', $server->{'shutdown-repro'}, undef, port => eval { $server->ioloop->acceptor($new)->port });
  }
  event('server.ready', $server->{'shutdown-repro'}) if @{$server->acceptors} > keys %known;
  return $self;
}

# A call by the program is a stop, too, unless one has begun.
sub server_stop {
  my ($before, $server) = @_;
  my $close = sub {
    event('server.close', $server->{'shutdown-repro'}) if @{$server->acceptors};
    $server->$before;
  };
  $stopping ? $close->() : act('server stop', $close);
  return $server;
}

# Only the release of the last reference calls this. During the call weak references to the server are still valid.
sub server_destroy {
  my ($before, $server) = @_;
  my $id = $server->{'shutdown-repro'} or return $server->$before;
  local @ShutdownRepro::because = (event('act.free', $id));
  @ShutdownRepro::because = (event('server.destroy', $id, undef, connections => scalar keys %{$server->{connections} // {}}));
  local $ShutdownRepro::Reactors::how = 'server_destroyed';
  $server->$before;
  event('server.free', $id);
}

sub server_listen {
  my ($before, $server, @where) = @_;
  local $listening_for = $server->{'shutdown-repro'};
  return $server->$before(@where);
}

sub loop_acceptor {
  my ($before, $ioloop, $acceptor) = @_;
  $acceptor->{'shutdown-repro'} = $listening_for if ref $acceptor && $listening_for;
  return $ioloop->$before($acceptor);
}

sub acceptor_start {
  my ($before, $acceptor) = @_;
  local $ShutdownRepro::Reactors::registering = {name => 'listener', rank => 0};
  return $acceptor->$before;
}

sub acceptor_accept {
  my ($before, $acceptor) = @_;
  local $accepting_for = $acceptor->{'shutdown-repro'};
  return $acceptor->$before;
}

# --- what a server does for its connections
# -------------------------------------------------------------------------------

# A callback that a server has subscribed, which runs whether or not the server still exists.
sub subscribe {
  my ($before, $of, $name, $call) = @_;
  my $end = $of->{'shutdown-repro'} && $of->{'shutdown-repro'}{end};
  return $of->$before($name => $name eq 'request' ? $call : servers_callback(scalar caller, $end, $call)); # it runs inside _read
}

# The method records its own call. If the server is freed, the error shows which method was called.
sub servers_callback {
  my ($package, $end, $call) = @_;
  return $call unless $package eq 'Mojo::Server::Daemon' && $end;
  my $server = $accepted_by{$end};
  return sub {
    local $callback = $end;
    return if eval { &$call; 1 };
    my $error = $@;
    if ($callback && $error =~ /\ACan't call method "(\w+)" on an undefined value/) {
      my $told = event('callback.enter', $server, $end, method => text($1));
      my ($loop) = map { loop_of($_) } Mojo::IOLoop->singleton;
      $loop->{failed_in} = $told;
    }
    die $error;
  };
}

# A method that callbacks call. The server is the actor of the events during the call.
sub entered {
  my ($name) = @_;
  return sub {
    my ($before, $server, @of) = @_;
    my $id = $server->{'shutdown-repro'};
    local @ShutdownRepro::because = @ShutdownRepro::because;
    @ShutdownRepro::because = (event('callback.enter', $id, $callback, method => text($name))) if $callback;
    local $callback;
    local $ShutdownRepro::by = $id;
    local $finishing = $name eq '_finish' ? 1 : $finishing;
    local $ShutdownRepro::Reactors::how = $name eq '_finish' ? 'server_finished' : $ShutdownRepro::Reactors::how;
    return $server->$before(@of);
  };
}

sub server_emit {
  my ($before, $server, $name, @of) = @_;
  my $request = $name eq 'request' && $of[0]{'shutdown-repro'};
  local $ShutdownRepro::by = $request ? $request->{id} : $ShutdownRepro::by;
  return $server->$before($name, @of);
}

sub server_build_tx_on {
  my ($before, $server, $name, @of) = @_;
  local $built_on = $name;
  return $server->$before($name, @of);
}

sub server_build_tx {
  my ($before, $server, @of) = @_;
  my $tx   = $server->$before(@of);
  my $end  = $end{$built_on // ''} or return $tx;
  my $port = eval { $server->ioloop->stream($built_on)->handle->peerport } // 0;
  my $id   = shift @{$asked_from{$port} // []} // ShutdownRepro::fresh('request');
  my $record = $tx->{'shutdown-repro'} = {id => $id, end => $end, parts => 0};
  event('request.open', $id, $end);
  $tx->on(request => sub {
    my ($self) = @_;
    event('request.begin', $id, $end, method => text($self->req->method), path => text($self->req->url->path->to_string));
  });
  $tx->on(resume => sub {
    my ($self) = @_;
    event('request.respond', $id, $end, status => $self->res->code // 0, part => $record->{parts}++, close => $self->keep_alive ? \0 : \1);
  });
  $tx->on(finish => sub {
    my ($self) = @_;
    event('request.finish', $id, $end, result => text($finishing ? 'answered' : 'dropped'), status => $self->res->code // 0);
  });
  $record->{guard} = bless {id => $id, end => $end}, 'ShutdownRepro::Mojolicious::Guard';
  return $tx;
}

sub ShutdownRepro::Mojolicious::Guard::DESTROY {
  my ($self) = @_;
  event('request.free', @$self{qw(id end)}) unless ShutdownRepro::Around::over();
}

# --- user agents
# ----------------------------------------------------------------------------------------------------------

sub watch_agents {
  around('Mojo::IOLoop',         client   => \&loop_client);
  around('Mojo::IOLoop::Client', connect  => \&client_connect);
  around('Mojo::IOLoop::Client', _connect => \&client_connects);
  around('Mojo::IOLoop::Client', _wait    => \&client_wait);
  around('Mojo::UserAgent',      _process => \&agent_process);
  around('Mojo::UserAgent',      _write   => \&agent_write);
  around('Mojo::UserAgent',      _read    => \&agent_read);
  around('Mojo::UserAgent',      _finish  => \&agent_finish);
}

sub loop_client {
  my ($before, $ioloop, @with) = @_;
  local $connecting = ShutdownRepro::fresh('client');
  my $name = $ioloop->$before(@with);
  $end{$name} = $connecting;
  return $name;
}

sub client_connect {
  my ($before, $client, @with) = @_;
  my $id = $client->{'shutdown-repro'} = $connecting;
  local $ShutdownRepro::Reactors::purpose = {what => 'connect', name => 'connect timeout of ' . name_of_end($id // 'a client'), owner => $id};
  return $client->$before(@with);
}

sub client_connects {
  my ($before, $client, $with) = @_;
  event('client.connect', $client->{'shutdown-repro'}, undef, port => $with->{port}) if $client->{'shutdown-repro'};
  return $client->$before($with);
}

sub client_wait {
  my ($before, $client, @with) = @_;
  local $ShutdownRepro::Reactors::registering = {name => name_of_end($client->{'shutdown-repro'} // 'a client'), rank => 1};
  return $client->$before(@with);
}

# Sends a request on a connection. A server in the same process recognizes it by its source port.
sub agent_process {
  my ($before, $agent, $name) = @_;
  my $tx     = $agent->{connections}{$name}{tx};
  my $stream = $agent->{connections}{$name}{ioloop}->stream($name);
  my $id     = ShutdownRepro::fresh('request');
  $tx->{'shutdown-repro.agent'} = {id => $id, received => 0, written => $stream->bytes_written};
  my $port = eval { $stream->handle->sockport };
  push @{$asked_from{$port}}, $id if $port;
  return $agent->$before($name);
}

sub asked {
  my ($agent, $name) = @_;
  my $tx = $agent->{connections}{$name} && $agent->{connections}{$name}{tx};
  return $tx && $tx->{'shutdown-repro.agent'};
}

# It is called again when all bytes that it wrote are sent.
sub agent_write {
  my ($before, $agent, $name) = @_;
  $agent->$before($name);
  my $asked  = asked($agent, $name) or return;
  my $stream = $agent->{connections}{$name}{ioloop}->stream($name);
  return if $asked->{sent} || !$stream || $stream->is_writing || $agent->{connections}{$name}{tx}{writing};
  $asked->{sent} = 1;
  event('client.send', $end{$name}, undef, request => $asked->{id}, bytes => $stream->bytes_written - $asked->{written});
}

sub agent_read {
  my ($before, $agent, $name, $chunk) = @_;
  local $ShutdownRepro::by            = $end{$name};
  local $ShutdownRepro::Reactors::how = 'client_finished';
  if (my $asked = asked($agent, $name)) {
    event('client.receive', $end{$name}, undef, bytes => length $chunk, request => $asked->{id}) unless $asked->{received};
    $asked->{received} += length $chunk;
  }
  return $agent->$before($name, $chunk);
}

# Records the outcome before the callback of the request runs. For an idle connection it only records the end.
sub agent_finish {
  my ($before, $agent, $name, $close) = @_;
  my $connection = $agent->{connections}{$name} or return $agent->$before($name, $close);
  my $end = $end{$name};
  local $ShutdownRepro::by      = $end // $ShutdownRepro::by;
  local @ShutdownRepro::because = @ShutdownRepro::because;
  if (my $tx = $connection->{tx}) { @ShutdownRepro::because = (told_of_response($end, $tx, $close)) if $end }
  elsif ($end && $close && called_by() !~ /::_cleanup\z/) { event('client.closed', $end) }
  delete $end{$name} if $close;
  return $agent->$before($name, $close);
}

sub told_of_response {
  my ($end, $tx, $close) = @_;
  my ($asked, $res) = ($tx->{'shutdown-repro.agent'} // {received => 0}, $tx->res);
  my $whole = !$close || ($res->content->is_parsing_body && $res->content->relaxed);
  return event('client.done', $end, undef, request => $asked->{id}, status => $res->code // 0) if $whole;
  my $error = ($res->error // {})->{message} // '';
  my $how = $error =~ /timeout/i ? 'timeout' : !$asked->{id} ? 'refused' : $asked->{received} ? 'truncated' : 'eof';
  return event('client.fail', $end, undef, request => $asked->{id}, how => text($how), received => $asked->{received},
    status => $res->code // 0, body => $res->content->progress // 0);
}

1;
