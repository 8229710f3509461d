<?php
// The commands of ours_semaphore.c by PHP's sysvsem, but value. A PLACE is a key, or FILE:LETTER.

function must(mixed $result): mixed
{
    if ($result === false) {
        fwrite(STDERR, "sysvsem: failed\n");
        exit(1);
    }
    return $result;
}

function count_one(string $path): void
{
    file_put_contents($path, (int)file_get_contents($path) + 1 . "\n");
}

[, $command, $place] = $argv;
$key = is_numeric($place) ? (int)$place : ftok(substr($place, 0, -2), substr($place, -1));
$permits = $command === 'make' ? (int)$argv[3] : 1;
$semaphore = must(sem_get($key, $permits, 0600));

switch ($command) {
    case 'try':
        echo sem_acquire($semaphore, true) ? '' : "busy\n";
        break;
    case 'hold':
        must(sem_acquire($semaphore));
        echo "held " . getmypid() . "\n";
        stream_get_contents(STDIN);
        must(sem_release($semaphore));
        break;
    case 'count':
        for ($left = (int)$argv[4]; $left > 0; $left--) {
            must(sem_acquire($semaphore));
            count_one($argv[3]);
            must(sem_release($semaphore));
        }
        break;
    case 'rm':
        must(sem_remove($semaphore));
        break;
}
