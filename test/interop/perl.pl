# The commands of ours.c by Perl's own shmget, shmread and shmwrite. A PLACE is a key.
use strict;
use warnings;
use Fcntl qw(:flock);
use IPC::SysV qw(IPC_CREAT IPC_EXCL IPC_RMID IPC_STAT);
use IPC::SharedMem;

my ($command, $place, @words) = @ARGV;
my $key = oct($place =~ /^0/ ? $place : sprintf '0x%x', $place);

sub add {
    my ($id, $offset, $count, $lock) = @_;
    open my $file, '>>', $lock =~ s/^flock://r or die "$lock: $!\n";
    for (1 .. $count) {
        flock $file, LOCK_EX;
        shmread $id, my $word, $offset, 8 or die "shmread: $!\n";
        shmwrite $id, pack('Q', unpack('Q', $word) + 1), $offset, 8 or die "shmwrite: $!\n";
        flock $file, LOCK_UN;
    }
}

if ($command eq 'make') {
    defined shmget $key, $words[0], IPC_CREAT | IPC_EXCL | 0600 or die "shmget: $!\n";
    exit 0;
}
my $id = shmget $key, 0, 0;
defined $id or die "shmget: $!\n";
if ($command eq 'size') {
    print IPC::SharedMem->new($key, 0, 0)->stat->segsz, "\n";
} elsif ($command eq 'read') {
    shmread $id, my $bytes, $words[0], $words[1] or die "shmread: $!\n";
    print "$bytes\n";
} elsif ($command eq 'write') {
    shmwrite $id, $words[1], $words[0], length $words[1] or die "shmwrite: $!\n";
} elsif ($command eq 'add') {
    add($id, @words);
} elsif ($command eq 'rm') {
    shmctl $id, IPC_RMID, 0 or die "shmctl: $!\n";
} else {
    die "no such command\n";
}
