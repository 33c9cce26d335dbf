# Wraps methods of a program without changing its files.
package ShutdownRepro::Around;
use strict;
use warnings;
use Exporter qw(import);
our @EXPORT_OK = qw(around called_by);

# Replaces a method of a class, inherited or not. The wrapper gets the original method as its first argument and has the
# same
# caller(). During global destruction only the original method is called, and nothing is recorded.
sub around {
  my ($class, $method, $with) = @_;
  my $before = $class->can($method) or die "shutdown-repro: $class has no method $method: this version is not known\n";
  no strict 'refs';
  no warnings 'redefine';
  *{"${class}::$method"} = sub {
    goto &$before if over();
    unshift @_, $before;
    goto &$with;
  };
}

# Called in a wrapper: returns the name of the sub that called the wrapped method.
sub called_by { return (caller 2)[3] // '' }

sub over { return ${^GLOBAL_PHASE} eq 'DESTRUCT' }

1;
