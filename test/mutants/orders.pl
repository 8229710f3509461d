# orders.pl: the mutants that follow from the source. Each use of an accessor that orders is made
# weaker, by one step and more; each store to shared memory is left out; each question whether
# somebody lives is answered yes and no; each wake-up is left out.
#
# All of them are written into one copy of the source, behind a switch: one build serves them all.
# A mutant's name is FILE:FUNCTION:ACCESSOR:N:CHANGE, with N counted within the function: names
# outlive changes of other functions. Its number is of this build alone.
use strict;
use warnings;

# What an accessor may be weakened to, with its width taken off.
my %weaker = (
    load_acquire => ['load_relaxed'],
    load_seq_cst => ['load_acquire', 'load_relaxed'],
    load_light => ['load_relaxed'],
    store_release => ['store_relaxed'],
    store_seq_cst => ['store_release', 'store_relaxed'],
    store_ahead => ['store_release', 'store_relaxed'],
    store_release_ahead => ['store_release', 'store_relaxed'],
    swap_release => ['swap_relaxed'],
    swap_seq_cst => ['swap_release', 'swap_relaxed'],
    cas_acquire => ['cas_relaxed'],
    cas_release => ['cas_relaxed'],
    cas_acq_rel => ['cas_acquire', 'cas_release'],
    cas_seq_cst => ['cas_acq_rel', 'cas_acquire', 'cas_release'],
    cas_ahead => ['cas_acq_rel', 'cas_acquire', 'cas_release'],
);

# The text from an opening bracket to the one that closes it.
sub bracketed {
    my ($text, $at) = @_;
    my ($rest, $depth) = (substr($text, $at), 0);
    while ($rest =~ /([()])/g) {
        $depth += $1 eq '(' ? 1 : -1;
        return substr $rest, 0, $+[0] if $depth == 0;
    }
    die "a bracket is not closed\n";
}

# Comments and texts in quotes become blanks, so that places stay what they are.
sub blanked {
    my ($text) = @_;
    $text =~ s{(/\*.*?\*/|"(?:[^"\\\n]|\\.)*")}{(my $s = $1) =~ s/[^\n]/ /g; $s}gse;
    return $text;
}

# The functions, as [begin of the body, its end, name]: they begin and end at the margin.
sub functions {
    my ($code) = @_;
    my @found;
    while ($code =~ /^(?![#}])([A-Za-z_][^;{}=]*?)\{/gm) {
        my ($head, $begin) = ($1, $+[0]);
        $head =~ s/__attribute__\s*\(\(.*?\)\)//gs;
        my ($name) = $head =~ /(\w+)\s*\(/ or next;
        my $end = index $code, "\n}", $begin;
        push @found, [$begin, $end, $name];
    }
    return @found;
}

# The changes of a call of spg__NAME: [what it is called, its kind, the new text]; @ stands for the
# arguments with their brackets.
sub changes_of {
    my ($name) = @_;
    my ($stem, $width) = $name =~ /^(\w+?)(_32|_64)?$/;
    $width //= '';
    my @changes = map { [s/^[a-z]+_//r, 'order', "spg__$_$width@"] } @{$weaker{$stem} // []};
    push @changes, ['dropped', 'store', '((void)0)']
        if $stem =~ /^(?:store_|(?:add|set)_and_wake$)/;
    push @changes, ['dropped', 'store', "spg__$1_dropped$width@"] if $stem =~ /^(cas|swap)_/;
    push @changes, ['left out', 'order', 'true'] if $stem eq 'barrier_everywhere';
    push @changes, ['relaxed', 'order', "spg__copy_$1_shared@"]
        if $stem =~ /^(?:publish|acquire)_(to|from)_shared$/;
    push @changes, ['left out', 'check', '((void)0)'] if $stem eq 'wake';
    push @changes, ['yes', 'check', "(1 | spg__$name@)"], ['no', 'check', "(0 & spg__$name@)"]
        if $stem =~ /^(?:domain_alive|self_sees_dead|topic_is_gone)$/;
    return @changes;
}

# The uses in one file, in order: {at, name, changes, mutants}.
sub uses {
    my ($file, $code) = @_;
    my @functions = functions($code);
    my (@uses, %count);
    while ($code =~ /\bspg__(\w+)\(/g) {
        my ($at, $name) = ($-[0], $1);
        shift @functions while @functions && $functions[0][1] < $at;
        next if !@functions || $functions[0][0] > $at;
        my @changes = changes_of($name) or next;
        my $use = "$file:$functions[0][2]:$name";
        my $n = ++$count{$use};
        push @uses, {at => $at, name => $name, changes => \@changes, use => "$use:$n"};
    }
    return @uses;
}

# The text of a file with its mutants behind the switch; they are added to the list.
sub switched {
    my ($file, $text, $mutants) = @_;
    my @uses = uses($file, blanked($text));
    for my $use (@uses) {
        for my $change (@{$use->{changes}}) {
            push @$mutants, {name => "$use->{use}:$change->[0]", kind => $change->[1],
                             file => $file, number => @$mutants + 1};
            push @{$use->{numbers}}, scalar @$mutants;
        }
    }
    for my $use (reverse @uses) {
        my $length = length "spg__$use->{name}";
        my $arguments = bracketed(blanked($text), $use->{at} + $length);
        $arguments = substr $text, $use->{at} + $length, length $arguments;
        my $new = "spg__$use->{name}$arguments";
        for my $i (reverse 0 .. $#{$use->{changes}}) {
            (my $other = $use->{changes}[$i][2]) =~ s/@/$arguments/;
            $new = "(spg__mutant == $use->{numbers}[$i] ? $other : $new)";
        }
        substr $text, $use->{at}, $length + length $arguments, $new;
    }
    return $text;
}

sub contents {
    my ($path) = @_;
    open my $in, '<', $path or die "$path: $!\n";
    local $/;
    return scalar <$in>;
}

# Writes the switched sources over those in `to`, or nothing if it is not given; returns the list.
sub order_mutants {
    my ($source, $to) = @_;
    my @mutants;
    for my $path (sort map { glob "$source/$_/*.[ch]" } qw(sync channel node segment)) {
        (my $file = $path) =~ s{^\Q$source\E/}{};
        my $before = @mutants;
        my $text = switched($file, contents($path), \@mutants);
        next if !$to || @mutants == $before;
        open my $out, '>', "$to/$file" or die "$to/$file: $!\n";
        print $out "#include \"mutants/weaker.h\"\n", $text;
        close $out;
    }
    return @mutants;
}

1;
