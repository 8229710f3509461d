# house.pl: what the house-rule checks share. They run at the root of the checkout and need only
# perl-base. A check collects what it finds with found() and ends with finish().
use strict;
use warnings;

(my $root = $0) =~ s{[^/]*$}{..};
chdir $root or die "$root: $!\n";

# The folders of src/, lowest first. A folder includes itself and those before it.
our @layers = qw(base platform node segment sync channel look);

my @findings;

sub found {
    my ($file, $line, $text) = @_;
    push @findings, "$file:$line: $text";
}

# One line if all is well, otherwise every finding and exit 1.
sub finish {
    my ($rule, $well) = @_;
    if (@findings) {
        print "$_\n" for @findings;
        print "$rule: ", scalar @findings, " found\n";
        exit 1;
    }
    print "$rule: $well\n";
    exit 0;
}

# The files under `folder` whose path matches `pattern`, sorted.
sub files {
    my ($folder, $pattern) = @_;
    my @files;
    opendir my $handle, $folder or return ();
    for my $entry (sort grep { !/^\.\.?$/ } readdir $handle) {
        my $path = "$folder/$entry";
        push @files, files($path, $pattern) if -d $path && !-l $path;
        push @files, $path if -f $path && $path =~ $pattern;
    }
    return @files;
}

sub text {
    my ($file) = @_;
    open my $handle, '<:utf8', $file or die "$file: $!\n";
    local $/;
    my $text = <$handle>;
    return defined $text ? $text : '';
}

# The lines of a C file twice: as code without comments and without the insides of strings, and as
# comments without code. Both have as many lines as the file.
sub code_and_comments {
    my ($file) = @_;
    my $text = text($file);
    my ($code, $comments) = ('', '');
    while ($text =~ m{\G(?:(/\*.*?\*/|//[^\n]*)|("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(.))}gs) {
        if (defined $1) {
            $code .= blank($1);
            $comments .= $1;
        } else {
            $code .= defined $2 ? blank_inside($2) : $3;
            $comments .= blank(defined $2 ? $2 : $3);
        }
    }
    return ([split /\n/, $code, -1], [split /\n/, $comments, -1]);
}

sub blank {
    my ($text) = @_;
    $text =~ tr/\n/ /c;
    return $text;
}

sub blank_inside {
    my ($string) = @_;
    return substr($string, 0, 1) . ' ' x (length($string) - 2) . substr($string, -1);
}

1;
