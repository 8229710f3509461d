# suites.pl: runs suites on a mutant until one fails.
use strict;
use warnings;
use POSIX qw(WNOHANG setpgid);
use Time::HiRes qw(time sleep);

our ($here, $folder, $work);

my @suites; # [pattern, scenes, programs, deaths]

sub read_suites {
    for (split /\n/, contents("$here/suites.list")) {
        next if /^#/ || !/\S/;
        my ($pattern, @lists) = split /;/, $_, -1;
        push @suites, [$pattern, map { [split ' ', $_] } @lists];
    }
}

sub unique { my %seen; return grep { !$seen{$_}++ } @_ }

sub suites_of {
    my ($file, $which) = @_;
    return unique map { @{$_->[$which]} } grep { $file =~ $_->[0] } @suites;
}

# Whoever a test program that had to be killed left running, and what it left lying.
sub clear_after {
    my ($pid) = @_;
    for my $entry (glob '/proc/[0-9]*') {
        open my $in, '<', "$entry/environ" or next;
        my $environment = do { local $/; <$in> } // '';
        kill 'KILL', $entry =~ s{.*/}{}r if $environment =~ /\bHARNESS_TAG=$pid-/;
    }
    system 'rm', '-rf', glob("/dev/shm/spgdomain-$pid-* /dev/shm/spgtest-$pid-*");
}

my $running; # the suite that runs now

sub stop_suite {
    return if !$running;
    kill 'KILL', -$running;
    waitpid $running, 0;
    clear_after($running);
}

# Runs a command with so many seconds; returns its output if it failed, undef if it passed.
sub failure_of {
    my ($seconds, $environment, @command) = @_;
    my $pid = fork // die "fork: $!\n";
    if ($pid == 0) {
        setpgid(0, 0);
        %ENV = (%ENV, %$environment);
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', "$work/out";
        open STDERR, '>&', \*STDOUT;
        exec @command or exit 127;
    }
    $running = $pid;
    my $end = time + $seconds;
    my $nap = 0.002;
    while (waitpid($pid, WNOHANG) == 0) {
        if (time > $end) {
            kill 'KILL', -$pid;
            waitpid $pid, 0;
            clear_after($pid);
            undef $running;
            return "it did not end in time\n";
        }
        sleep($nap = $nap < 0.05 ? $nap * 1.5 : $nap);
    }
    my $status = $?;
    undef $running;
    return undef if $status == 0 || $status >> 8 == 77;
    clear_after($pid) if $status & 127;
    return contents("$work/out") || "status $status\n";
}

# ---- the suites ----------------------------------------------------------------------------------
# Each takes a mutant's programs ($kit) and the environment that chooses it, and returns the name of
# what failed.

sub explore {
    my ($kit, $environment, $seconds, @scenes) = @_;
    return if !@scenes;
    my $text = failure_of($seconds * 30 + 60, $environment, "$kit->{explore}/explore", '--faulty',
                          '--seconds', $seconds, @scenes) // return;
    return if $text =~ /did not end in time/; # the machine may be at fault
    return $text =~ /^FAIL ([^:]+):/m ? "explore/$1" : "explore/$scenes[0]";
}

sub program {
    my ($name, $flavour) = @_;
    my $program = "$folder/tests/$flavour-" . ($name =~ tr{/}{-}r);
    return $program if -x $program;
    my $source = "$folder/tree/test/$name.c";
    system("$here/make", 'program', $flavour, "$folder/tree", $source, $program,
           "$folder/$flavour") == 0 or die "$name cannot be built\n";
    return $program;
}

# One test; one that was late gets a second chance, because the machine may be at fault.
sub one_test {
    my ($kit, $environment, $flavour, $name, $test) = @_;
    my $program = program($name, $flavour);
    my %with = (%$environment, HARNESS_DEADLINE_S => 10, LD_LIBRARY_PATH => $kit->{$flavour}->());
    my $text = failure_of(60, \%with, $program, $test);
    if (defined $text && $text =~ /did not end in time/) {
        $with{HARNESS_DEADLINE_S} = 20;
        $text = failure_of(90, \%with, $program, $test);
    }
    return defined $text;
}

my %tests_in;

sub tests_in {
    my ($name) = @_;
    return @{$tests_in{$name} //= do {
        local $ENV{LD_LIBRARY_PATH} = "$folder/plain";
        my $program = program($name, 'plain');
        [split /\n/, `$program --list`];
    }};
}

sub deaths {
    my ($kit, $environment, @scenes) = @_;
    for my $scene (@scenes) {
        my %with = (%$environment, MUTANTS_SCENES => $scene);
        return "deaths/$scene" if one_test($kit, \%with, 'seam', 'mutants/deaths',
            'after_death_at_any_step_of_these_operations_the_others_go_on');
    }
    return;
}

# One suite by its name, as it stands in a verdict.
sub fails {
    my ($kit, $environment, $suite) = @_;
    return explore($kit, $environment, 2, $1) if $suite =~ m{^explore/(.*)};
    return deaths($kit, $environment, $1) if $suite =~ m{^deaths/(.*)};
    return $suite if $suite =~ m{^(\w+/\w+) (\w+)$} &&
        one_test($kit, $environment, 'plain', $1, $2);
    return;
}

# A suite that fails without any mutant says nothing of one. Asked once for each.
sub passes_unharmed {
    my ($suite) = @_;
    (my $mark = $suite) =~ s/\W/-/g;
    $mark = "$folder/unharmed/$mark";
    return 1 if -e $mark;
    my $kit = {explore => "$folder/explore", plain => sub { "$folder/plain" },
               seam => sub { "$folder/seam" }};
    if (fails($kit, {MUTANT => 0}, $suite)) {
        print "$suite fails without a mutant\n";
        return 0;
    }
    open my $out, '>', $mark or die "$mark: $!\n";
    return 1;
}

# The suite that catches the mutant; undef: it escapes. `first` (may be undef) caught it before.
sub catcher_of {
    my ($kit, $environment, $mutant, $first, $seconds) = @_;
    my $suite = $first ? fails($kit, $environment, $first) : undef;
    return $suite if $suite && passes_unharmed($suite);
    my @scenes = suites_of($mutant->{file}, 1);
    @scenes = map { s/\*?$/*/r } @scenes if $mutant->{kind} eq 'order';
    for my $patterns ($mutant->{scenes} // [], \@scenes) {
        $suite = explore($kit, $environment, $seconds, scenes_for($mutant->{kind}, @$patterns));
        return $suite if $suite && passes_unharmed($suite);
    }
    return if $mutant->{kind} eq 'order' && @scenes; # this processor's stores are in order
    my @programs = suites_of($mutant->{file}, 2);
    die "no suite looks at $mutant->{file}\n" if !@scenes && !@programs;
    my $end = time + $seconds * 10;
    for my $name (@programs) {
        for my $test (tests_in($name)) {
            return if time > $end;
            next if !one_test($kit, $environment, 'plain', $name, $test);
            return "$name $test" if passes_unharmed("$name $test");
        }
    }
    for my $scene (suites_of($mutant->{file}, 3)) {
        return if time > $end;
        $suite = deaths($kit, $environment, $scene);
        return $suite if $suite && passes_unharmed($suite);
    }
    return;
}

# Scenes by patterns; of an order only those with values out of order.
my @all_scenes;

sub scenes_for {
    my ($kind, @patterns) = @_;
    @all_scenes = split /\n/, `$folder/explore/explore --list` if !@all_scenes;
    my @found;
    for my $pattern (@patterns) {
        my $begin = $pattern =~ s/\*$//r;
        push @found, grep { $_ eq $pattern || ($begin ne $pattern && index($_, $begin) == 0) }
            @all_scenes;
    }
    @found = grep { /-weak$/ } @found if $kind eq 'order';
    return unique @found;
}

1;
