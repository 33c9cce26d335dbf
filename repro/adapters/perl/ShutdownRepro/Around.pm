# Wrapping the methods of a program that is not changed.
package ShutdownRepro::Around;
use strict;
use warnings;
use Exporter qw(import);
our @EXPORT_OK = qw(around called_by);

# Replaces a method of a class, inherited or not. The new one gets the old one first, and sees its caller as the old one would.
# During global destruction nothing is recorded, and only the original method is called.
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

# In a wrapper: the sub that called the wrapped method.
sub called_by { return (caller 2)[3] // '' }

sub over { return ${^GLOBAL_PHASE} eq 'DESTRUCT' }

1;
