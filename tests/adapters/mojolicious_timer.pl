# The program of the second report: server and user agent share a loop, the handler arms a timer of two seconds, and the agent's
# callback stops the loop gracefully, stops the server and lets go of it. On any free port.
use Mojolicious::Lite;
use Mojo::IOLoop;
use Mojo::Server::Daemon;
use Mojo::UserAgent;

app->log->level('fatal');
get '/1' => sub {
  Mojo::IOLoop->timer(2 => sub { });
  shift->render(text => 'Ok');
};

my $server = Mojo::Server::Daemon->new(app => app, listen => ['http://127.0.0.1'], silent => 1);
$server->start;

my $agent = Mojo::UserAgent->new(server => undef);
$agent->get('http://127.0.0.1:' . $server->ports->[0] . '/1' => sub {
  Mojo::IOLoop->stop_gracefully;
  $server->stop;
  undef $server;
});
Mojo::IOLoop->start unless Mojo::IOLoop->is_running;
