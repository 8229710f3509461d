<?php
// Variables of sysvshm: the commands of ours_variables.c, in PHP. "put" takes a PHP expression, and
// "get" prints the value as PHP writes it.
[, $command, $key, $variable] = $argv + [3 => '0'];
$memory = @shm_attach((int)$key, $command === 'format' ? (int)$variable : null, 0600);
if ($memory === false) {
    fwrite(STDERR, "sysvshm: failed\n");
    exit(1);
}
$number = (int)$variable;
match ($command) {
    'format' => null,
    'put' => shm_put_var($memory, $number, eval("return $argv[4];")) || exit(1),
    'get' => print(var_export(shm_get_var($memory, $number), true) . "\n"),
    'has' => print((shm_has_var($memory, $number) ? 'yes' : 'no') . "\n"),
    'length' => print(strlen(shm_get_var($memory, $number)) . "\n"),
    'remove' => shm_remove_var($memory, $number) || exit(1),
    'rm' => shm_remove($memory) || exit(1),
};
