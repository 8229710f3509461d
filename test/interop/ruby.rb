# The commands of ours.c by Ruby's Fiddle, on the C library's shm_open and mmap. A PLACE is a name.
require "fiddle"

LIBC = Fiddle.dlopen(nil)

def function(name, arguments, result)
  Fiddle::Function.new(LIBC[name], arguments, result)
end

INT, SIZE, POINTER = Fiddle::TYPE_INT, Fiddle::TYPE_SIZE_T, Fiddle::TYPE_VOIDP
SHM_OPEN = function("shm_open", [POINTER, INT, INT], INT)
SHM_UNLINK = function("shm_unlink", [POINTER], INT)
MMAP = function("mmap", [POINTER, SIZE, INT, INT, INT, Fiddle::TYPE_LONG], POINTER)
READ_WRITE, SHARED = 3, 1

def must(result)
  abort "ruby: #{SystemCallError.new(Fiddle.last_error).message}" if result.negative?
  result
end

def open_file(place, flags = IO::RDWR)
  IO.for_fd(must(SHM_OPEN.call(place, flags, 0o600)), "r+b")
end

def map(place)
  file = open_file(place)
  size = File.for_fd(file.fileno, autoclose: false).size
  pointer = MMAP.call(0, size, READ_WRITE, SHARED, file.fileno, 0)
  Fiddle::Pointer.new(pointer.to_i, size)
end

def add(memory, offset, count, lock)
  File.open(lock.delete_prefix("flock:"), "a") do |file|
    count.times do
      file.flock(File::LOCK_EX)
      value = memory[offset, 8].unpack1("Q")
      memory[offset, 8] = [value + 1].pack("Q")
      file.flock(File::LOCK_UN)
    end
  end
end

command, place, *words = ARGV
case command
when "make"
  file = open_file(place, IO::RDWR | IO::CREAT | IO::EXCL)
  File.for_fd(file.fileno, "r+b", autoclose: false).truncate(words[0].to_i)
when "rm" then must(SHM_UNLINK.call(place))
when "size" then puts map(place).size
when "read" then puts map(place)[words[0].to_i, words[1].to_i]
when "write" then map(place)[words[0].to_i, words[1].bytesize] = words[1]
when "add" then add(map(place), words[0].to_i, words[1].to_i, words[2])
else abort "no such command"
end
