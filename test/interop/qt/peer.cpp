// peer.cpp: a program of Qt that does what its standard input says, a line at a time, and answers
// each line with one: "ok", a number, or "error" and Qt's own words.
#include <QCoreApplication>
#include <QSharedMemory>
#include <QSystemSemaphore>

#include <cstdio>
#include <cstring>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>

static QSharedMemory memory;
static std::unique_ptr<QSystemSemaphore> semaphore;

static std::string told(bool done) {
    return done ? "ok" : "error " + memory.errorString().toStdString();
}

static std::string told_of_semaphore(bool done) {
    return done ? "ok" : "error " + semaphore->errorString().toStdString();
}

// Keys may hold spaces: the rest of the line.
static QString key_of(std::istringstream &line) {
    std::string key;
    std::getline(line >> std::ws, key);
    return QString::fromStdString(key);
}

static std::string add(unsigned long count) {
    auto *number = static_cast<quint64 *>(memory.data());
    for (unsigned long i = 0; i < count; i++) {
        if (!memory.lock()) return told(false);
        *number = *number + 1;
        memory.unlock();
    }
    return "ok";
}

static std::string answer_about_memory(const std::string &command, std::istringstream &line) {
    unsigned long number = 0;
    if (command == "create" || command == "add" || command == "put") line >> number;
    if (command == "key") return memory.setKey(key_of(line)), "ok";
    if (command == "native") return memory.setNativeKey(key_of(line)), "ok";
    if (command == "create") return told(memory.create(static_cast<int>(number)));
    if (command == "attach") return told(memory.attach());
    if (command == "watch") return told(memory.attach(QSharedMemory::ReadOnly));
    if (command == "detach") return told(memory.detach());
    if (command == "lock") return told(memory.lock());
    if (command == "unlock") return told(memory.unlock());
    if (command == "size") return std::to_string(memory.size());
    if (command == "get") return std::to_string(*static_cast<const quint64 *>(memory.constData()));
    if (command == "put") return *static_cast<quint64 *>(memory.data()) = number, "ok";
    if (command == "add") return add(number);
    return "";
}

static std::string answer_about_semaphore(const std::string &command, std::istringstream &line) {
    int value = 0;
    if (command == "semaphore") {
        line >> value;
        semaphore.reset(new QSystemSemaphore(key_of(line), value));
        return told_of_semaphore(semaphore->error() == QSystemSemaphore::NoError);
    }
    if (command == "acquire") return told_of_semaphore(semaphore->acquire());
    if (command == "release") return told_of_semaphore(semaphore->release());
    return "error no such command";
}

#if QT_VERSION >= QT_VERSION_CHECK(6, 6, 0)
static std::string answer_about_native(const std::string &command, std::istringstream &line) {
    const auto type = command == "posix" || command == "legacy-posix"
                          ? QNativeIpcKey::Type::PosixRealtime
                          : QNativeIpcKey::Type::SystemV;
    if (command == "posix" || command == "systemv")
        return memory.setNativeKey(QSharedMemory::platformSafeKey(key_of(line), type)), "ok";
    if (command == "legacy-posix")
        return memory.setNativeKey(QSharedMemory::legacyNativeKey(key_of(line), type)), "ok";
    return "";
}
#else
static std::string answer_about_native(const std::string &, std::istringstream &) {
    return "";
}
#endif

static std::string answer(const std::string &text) {
    std::istringstream line(text);
    std::string command;
    line >> command;
    std::string said = answer_about_memory(command, line);
    if (said.empty()) said = answer_about_native(command, line);
    return said.empty() ? answer_about_semaphore(command, line) : said;
}

int main(int count, char **words) {
    QCoreApplication application(count, words);
    if (count > 1 && std::strcmp(words[1], "--version") == 0) return std::puts(qVersion()) < 0;
    for (std::string line; std::getline(std::cin, line);) std::cout << answer(line) << std::endl;
}
