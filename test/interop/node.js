// The commands of ours.c by Node's fs alone, on the segment's file. Node has no mmap and no flock,
// so it locks by making a file exclusively. A PLACE is a path.
const fs = require('fs');

const [command, place, ...words] = process.argv.slice(2);

function withLock(path, body) {
    for (;;) {
        try {
            fs.closeSync(fs.openSync(path, 'wx'));
            break;
        } catch (error) {
            if (error.code !== 'EEXIST') throw error;
        }
    }
    body();
    fs.unlinkSync(path);
}

function add(file, offset, count, lock) {
    const word = Buffer.alloc(8);
    for (; count > 0; count--) {
        withLock(lock.replace(/^file:/, ''), () => {
            fs.readSync(file, word, 0, 8, offset);
            word.writeBigUInt64LE(word.readBigUInt64LE() + 1n);
            fs.writeSync(file, word, 0, 8, offset);
        });
    }
}

function read(file, offset, count) {
    const bytes = Buffer.alloc(count);
    fs.readSync(file, bytes, 0, count, offset);
    return bytes.toString();
}

function use(file) {
    if (command === 'size') return console.log(fs.fstatSync(file).size);
    if (command === 'read') return console.log(read(file, +words[0], +words[1]));
    if (command === 'write') return fs.writeSync(file, words[1], +words[0]);
    if (command === 'add') return add(file, +words[0], +words[1], words[2]);
    throw new Error('no such command');
}

if (command === 'make') {
    const file = fs.openSync(place, 'wx', 0o600);
    fs.ftruncateSync(file, +words[0]);
} else if (command === 'rm') {
    fs.unlinkSync(place);
} else {
    use(fs.openSync(place, 'r+'));
}
