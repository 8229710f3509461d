/* bench.cpp: what a call costs in C++ beside the same call in C: by turns, in one thread, so that
 * both meet the same machine. Median of many batches. */
#include "samepage.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

constexpr int batch = 64, batches = 20000;

struct payload {
    uint64_t words[8];
};

struct talk {
    samepage::publisher<payload> out;
    samepage::subscriber<payload> in;
    samepage::cell<payload> cell;
    uint64_t sum;
};

void must(bool done) {
    if (done) return;
    std::fprintf(stderr, "bench: %s\n", std::string(samepage::error_detail()).c_str());
    std::exit(1);
}

void send_in_c(talk &talk) {
    payload sent{};
    must(spg_publisher_send(talk.out.native_handle(), &sent, sizeof sent, SPG_NOWAIT) == 0);
}

void send_in_cpp(talk &talk) {
    must(static_cast<bool>(talk.out.send(payload{}, samepage::nowait)));
}

void receive_in_c(talk &talk) {
    spg_message message;
    must(spg_subscriber_receive(talk.in.native_handle(), &message, SPG_NOWAIT) == 0 &&
         message.size == sizeof(payload)); /* which C++ looks at as well */
    talk.sum += static_cast<const payload *>(message.data)->words[7];
    spg_subscriber_release(talk.in.native_handle(), &message);
}

void receive_in_cpp(talk &talk) {
    auto message = talk.in.receive(samepage::nowait);
    must(static_cast<bool>(message));
    talk.sum += (*message)->words[7];
}

void read_in_c(talk &talk) {
    payload value;
    must(spg_cell_read(talk.cell.native_handle(), &value, sizeof value, nullptr) > 0);
    talk.sum += value.words[7];
}

void read_in_cpp(talk &talk) {
    auto value = talk.cell.read();
    must(static_cast<bool>(value));
    talk.sum += value->words[7];
}

using call = void (*)(talk &);

template <call Call> double batch_of(talk &talk) {
    auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < batch; i++) Call(talk);
    std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
    return took.count() / batch;
}

double median(std::vector<double> &times) {
    auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
    std::nth_element(times.begin(), middle, times.end());
    return *middle;
}

struct times {
    std::vector<double> c, cpp;

    void print(const char *what) {
        double in_c = median(c), in_cpp = median(cpp);
        std::printf("%-22s %8.1f %8.1f %8.2f\n", what, in_c, in_cpp, in_cpp / in_c);
    }
};

struct results {
    times send, receive, read;
};

template <call Send, call Receive>
void there_and_back(talk &talk, std::vector<double> &sends, std::vector<double> &receives) {
    sends.push_back(batch_of<Send>(talk));
    receives.push_back(batch_of<Receive>(talk));
}

void measure(talk &talk, results &results) {
    for (int i = 0; i < batches; i++) {
        there_and_back<send_in_c, receive_in_c>(talk, results.send.c, results.receive.c);
        there_and_back<send_in_cpp, receive_in_cpp>(talk, results.send.cpp, results.receive.cpp);
        results.read.c.push_back(batch_of<read_in_c>(talk));
        results.read.cpp.push_back(batch_of<read_in_cpp>(talk));
    }
}

talk open_talk() {
    std::string name = "bench-" + std::to_string(getpid());
    samepage::topic_options options;
    options.slot_size = 128;
    samepage::subscriber_options must_not_lose;
    must_not_lose.policy = SPG_MUST_NOT_LOSE;
    auto out = samepage::publisher<payload>::open(name, options);
    auto in = samepage::subscriber<payload>::open(name, must_not_lose);
    auto cell = samepage::cell<payload>::open(name + "-cell");
    must(out && in && cell && cell->write(payload{}) && samepage::unlink_cell(name + "-cell"));
    return {*std::move(out), *std::move(in), *std::move(cell), 0};
}

} // namespace

int main() {
    talk talk = open_talk();
    results results;
    measure(talk, results);
    std::puts("ns a call, 64 bytes           C      C++    ratio");
    results.send.print("send");
    results.receive.print("receive and release");
    results.read.print("read a cell");
    return talk.sum != 0;
}
