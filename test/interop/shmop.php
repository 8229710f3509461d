<?php
// The commands of ours.c by PHP's shmop. A PLACE is a key: a number, or FILE:LETTER for ftok.

function key_of(string $place): int
{
    if (is_numeric($place) || str_starts_with($place, '0x')) {
        return intval($place, 0);
    }
    return ftok(substr($place, 0, -2), substr($place, -1));
}

function must(mixed $result): mixed
{
    if ($result === false) {
        fwrite(STDERR, "shmop: " . (error_get_last()['message'] ?? 'failed') . "\n");
        exit(1);
    }
    return $result;
}

function add(Shmop $memory, int $offset, int $count, string $lock): void
{
    $file = must(fopen(substr($lock, strlen('flock:')), 'a'));
    for (; $count > 0; $count--) {
        flock($file, LOCK_EX);
        $value = unpack('P', shmop_read($memory, $offset, 8))[1];
        shmop_write($memory, pack('P', $value + 1), $offset);
        flock($file, LOCK_UN);
    }
}

[, $command, $place] = $argv;
$words = array_slice($argv, 3);
$key = key_of($place);

if ($command === 'make') {
    must(@shmop_open($key, 'n', 0600, (int)$words[0]));
    exit(0);
}
$memory = must(@shmop_open($key, in_array($command, ['size', 'read']) ? 'a' : 'w', 0, 0));
match ($command) {
    'size' => print(shmop_size($memory) . "\n"),
    'read' => print(shmop_read($memory, (int)$words[0], (int)$words[1]) . "\n"),
    'write' => shmop_write($memory, $words[1], (int)$words[0]),
    'add' => add($memory, (int)$words[0], (int)$words[1], $words[2]),
    'rm' => must(shmop_delete($memory)),
};
