/* samepage.hpp: Samepage in C++17. Handles that close themselves, messages that give themselves
 * back, types instead of bytes, std::error_code, durations.
 *
 * A thin layer: each call is one call of the C library, whose headers are the contract. Whatever
 * may fail returns a result: true if it went well, then * and -> give the value; otherwise error()
 * says why, and samepage::error_detail() the rest. Where exceptions are enabled, value() gives the
 * value or throws std::system_error. Nothing here needs exceptions or RTTI.
 *
 * A handle, and what was received or loaned by it, is used by one thread at a time. Messages, jobs,
 * requests, responses, loans and guards must end before the handle or the lock they came from. */
#ifndef SAMEPAGE_HPP
#define SAMEPAGE_HPP

#include <samepage/samepage.h>

#include <chrono>
#include <cstddef>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#if __cplusplus >= 202002L
#    include <span>
#endif

namespace samepage {

/* ---- errors ---------------------------------------------------------------------------------- */

enum class errc {
    invalid_argument = SPG_EINVAL,
    not_enough_memory = SPG_ENOMEM,
    no_space = SPG_ENOSPC,
    exists = SPG_EEXIST,
    not_found = SPG_ENOENT,
    not_permitted = SPG_EPERM,
    would_wait = SPG_EAGAIN,
    timed_out = SPG_ETIMEDOUT,
    owner_died = SPG_EOWNERDEAD,
    peer_died = SPG_EPEERDEAD,
    corrupt = SPG_ECORRUPT,
    wrong_version = SPG_EVERSION,
    wrong_type = SPG_ETYPE,
    full = SPG_EFULL,
    too_big = SPG_ETOOBIG,
    closed = SPG_ECLOSED,
    forked = SPG_EFORKED,
    not_supported = SPG_ENOTSUP,
    system_failed = SPG_ESYSTEM,
    deadlock = SPG_EDEADLOCK,
    other_domain = SPG_EDOMAIN,
    too_many_files = SPG_EMFILE
};

} // namespace samepage

template <> struct std::is_error_code_enum<samepage::errc> : std::true_type {};

namespace samepage {

class category_type final : public std::error_category {
public:
    const char *name() const noexcept override { return "samepage"; }
    std::string message(int error) const override { return spg_error_text(error); }

    std::error_condition default_error_condition(int error) const noexcept override {
        switch (error) {
        case SPG_EINVAL: return std::errc::invalid_argument;
        case SPG_ENOMEM: return std::errc::not_enough_memory;
        case SPG_ENOSPC: return std::errc::no_space_on_device;
        case SPG_EEXIST: return std::errc::file_exists;
        case SPG_ENOENT: return std::errc::no_such_file_or_directory;
        case SPG_EPERM: return std::errc::operation_not_permitted;
        case SPG_EAGAIN: return std::errc::operation_would_block;
        case SPG_ETIMEDOUT: return std::errc::timed_out;
        case SPG_EOWNERDEAD: return std::errc::owner_dead;
        case SPG_ENOTSUP: return std::errc::not_supported;
        case SPG_EDEADLOCK: return std::errc::resource_deadlock_would_occur;
        case SPG_EMFILE: return std::errc::too_many_files_open;
        default: return std::error_condition(error, *this);
        }
    }
};

inline const std::error_category &category() noexcept {
    static const category_type instance;
    return instance;
}

inline std::error_code make_error_code(errc error) noexcept {
    return {static_cast<int>(error), category()};
}

/* What this thread's last failed cold call was about; stands until the next one. */
inline std::string_view error_detail() noexcept { return spg_error_detail(); }

inline std::string_view version() noexcept { return spg_version(); }

/* The result of a call: a negative SPG_E..., or a value. */
template <class T> class [[nodiscard]] result {
public:
    result(errc error) noexcept : code_(static_cast<int>(error)) {}
    result(T value) noexcept : value_(std::move(value)), code_(0) {}

    /* `call(value)` fills the value in place and returns what the C library returned. */
    template <class Call> static result of(Call &&call) noexcept {
        result out;
        out.code_ = call(out.value_);
        return out;
    }

    explicit operator bool() const noexcept { return code_ >= 0; }
    std::error_code error() const noexcept {
        return code_ < 0 ? std::error_code(code_, category()) : std::error_code();
    }
    T &operator*() & noexcept { return value_; }
    T &&operator*() && noexcept { return std::move(value_); }
    T *operator->() noexcept { return &value_; }
    T value_or(T other) && noexcept { return code_ >= 0 ? std::move(value_) : std::move(other); }

#ifdef __cpp_exceptions
    T &value() & { return checked(), value_; }
    T value() && { return checked(), std::move(value_); }
#endif

private:
    result() noexcept {} /* for of(), which says what code_ is */
#ifdef __cpp_exceptions
    void checked() const {
        if (code_ < 0) throw std::system_error(error());
    }
#endif

    T value_;
    int code_;
};

template <> class [[nodiscard]] result<void> {
public:
    result(errc error) noexcept : code_(static_cast<int>(error)) {}
    result() noexcept : code_(0) {}
    static result of(int code) noexcept { return result(static_cast<errc>(code < 0 ? code : 0)); }

    explicit operator bool() const noexcept { return code_ >= 0; }
    std::error_code error() const noexcept {
        return code_ < 0 ? std::error_code(code_, category()) : std::error_code();
    }

#ifdef __cpp_exceptions
    void value() const {
        if (code_ < 0) throw std::system_error(error());
    }
#endif

private:
    int code_;
};

/* ---- views and times ------------------------------------------------------------------------- */

#if __cplusplus >= 202002L
template <class T> using span = std::span<T>;
#else
template <class T> class span {
public:
    constexpr span() noexcept = default;
    constexpr span(T *data, std::size_t size) noexcept : data_(data), size_(size) {}
    template <std::size_t Size>
    constexpr span(T (&array)[Size]) noexcept : data_(array), size_(Size) {}
    template <class Range, class = decltype(static_cast<T *>(std::declval<Range &>().data()))>
    constexpr span(Range &&range) noexcept : data_(range.data()), size_(range.size()) {}

    constexpr T *data() const noexcept { return data_; }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr bool empty() const noexcept { return size_ == 0; }
    constexpr T *begin() const noexcept { return data_; }
    constexpr T *end() const noexcept { return data_ + size_; }
    constexpr T &operator[](std::size_t index) const noexcept { return data_[index]; }

private:
    T *data_ = nullptr;
    std::size_t size_ = 0;
};
#endif

template <class T> constexpr bool is_shareable = std::is_trivially_copyable_v<T>;

/* The bytes to be sent: of a text, of a contiguous range, or of `size` bytes at `data`. */
class bytes {
public:
    bytes(const void *data, std::size_t size) noexcept : data_(data), size_(size) {}
    bytes(const char *text) noexcept : data_(text), size_(std::strlen(text)) {}
    template <class Range, class Element = std::remove_pointer_t<
                               decltype(std::declval<const Range &>().data())>>
    bytes(const Range &range) noexcept
        : data_(range.data()), size_(range.size() * sizeof(Element)) {
        static_assert(is_shareable<Element>, "only trivially copyable elements can be shared");
    }

    const void *data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }

private:
    const void *data_;
    std::size_t size_;
};

/* The bytes of one object. */
template <class T> bytes bytes_of(const T &object) noexcept {
    static_assert(is_shareable<T>, "only trivially copyable types can be shared");
    return {&object, sizeof object};
}

namespace detail {

template <class Duration> constexpr int64_t nanoseconds_of(Duration duration) noexcept {
    if (duration <= Duration::zero()) return SPG_NOWAIT;
    if (std::chrono::duration<double>(duration).count() > 9e9)
        return std::numeric_limits<int64_t>::max();
    return std::chrono::ceil<std::chrono::nanoseconds>(duration).count();
}

inline int64_t nanoseconds_until(std::chrono::steady_clock::time_point deadline) noexcept {
    auto now = std::chrono::steady_clock::now();
    return deadline > now ? nanoseconds_of(deadline - now) : SPG_NOWAIT;
}

} // namespace detail

/* How long to wait: any duration (zero or less: not at all), until a time of the steady clock, or
 * samepage::forever. */
class timeout {
public:
    template <class Rep, class Period>
    constexpr timeout(std::chrono::duration<Rep, Period> duration) noexcept
        : count_(detail::nanoseconds_of(duration)) {}
    timeout(std::chrono::steady_clock::time_point deadline) noexcept
        : count_(detail::nanoseconds_until(deadline)) {}
    static constexpr timeout never() noexcept { return timeout(SPG_FOREVER); }

    constexpr int64_t count() const noexcept { return count_; }

private:
    explicit constexpr timeout(int64_t count) noexcept : count_(count) {}

    int64_t count_;
};

inline constexpr timeout forever = timeout::never();
inline constexpr timeout nowait = timeout(std::chrono::nanoseconds::zero());

/* The name by which a type is known to others; specialise it, and opening checks it. */
template <class T> inline constexpr const char *type_name = nullptr;

/* ---- what the handles share ------------------------------------------------------------------ */

namespace detail {

/* A text with its end marked. One that is too long or has a NUL inside becomes a name that the
 * library refuses. */
template <std::size_t Max> class name {
public:
    name(std::string_view text) noexcept {
        if (text.find('\0') != text.npos) text = {};
        std::size_t size = text.copy(text_, Max + 1);
        text_[size] = '\0';
    }
    operator const char *() const noexcept { return text_; }

private:
    char text_[Max + 2];
};
using channel_name = name<SPG_CHANNEL_NAME_MAX>;
using segment_name = name<SPG_SEGMENT_NAME_MAX>;

template <class Native, int (*Close)(Native *)> class handle {
public:
    handle() noexcept = default;
    explicit handle(Native *native) noexcept : native_(native) {}

    Native *native_handle() const noexcept { return native_.get(); }
    explicit operator bool() const noexcept { return native_ != nullptr; }
    result<void> close() noexcept { return result<void>::of(Close(native_.release())); }

private:
    struct closer {
        void operator()(Native *native) const noexcept { Close(native); }
    };
    std::unique_ptr<Native, closer> native_;
};

template <class Count> result<Count> counted(int code) noexcept {
    if (code < 0) return static_cast<errc>(code);
    return static_cast<Count>(code);
}

/* A handle from a call that makes one. */
template <class Handle, class Native, class Call> result<Handle> made(Call &&call) noexcept {
    Native *native = nullptr;
    int code = call(&native);
    if (code < 0) return static_cast<errc>(code);
    return Handle(native);
}

template <class T> struct same {
    using type = T;
};

/* Opens a channel by one of the C library's ..._open functions. */
template <class Handle, class Native, class Options>
result<Handle> open(int (*open)(Native **, spg_node *, const char *, const Options *),
                    std::string_view name, const typename same<Options>::type &options,
                    spg_node *node) noexcept {
    return made<Handle, Native>([&](Native **out) noexcept {
        return open(out, node, channel_name(name), &options);
    });
}

template <class T, class Options> Options with_type(Options options) noexcept {
    static_assert(is_shareable<T>, "only trivially copyable types can be shared");
    static_assert(alignof(T) <= 8, "messages are aligned to 8 bytes");
    options.type_size = static_cast<uint32_t>(sizeof(T));
    if (!options.type) options.type = type_name<T>;
    return options;
}

/* What was received, in place, and is given back in the end. */
template <class Raw, class Native, int (*Release)(Native *, const Raw *)> class held {
public:
    held() noexcept = default;
    held(held &&other) noexcept { take(other); }
    held &operator=(held &&other) noexcept {
        if (this != &other) {
            (void)release();
            take(other);
        }
        return *this;
    }
    ~held() {
        if (from_) Release(from_, &raw_);
    }

    const void *data() const noexcept { return raw_.data; }
    std::size_t size() const noexcept { return raw_.size; }
    span<const std::byte> bytes() const noexcept {
        return {static_cast<const std::byte *>(raw_.data), raw_.size};
    }
    std::string_view text() const noexcept {
        return {static_cast<const char *>(raw_.data), raw_.size};
    }
    /* As one T, or as many as fit; NULL or none if the size is not right. */
    template <class T> const T *as() const noexcept {
        return raw_.size == sizeof(T) ? elements<T>().data() : nullptr;
    }
    template <class T> span<const T> elements() const noexcept {
        static_assert(is_shareable<T>, "only trivially copyable types can be shared");
        static_assert(alignof(T) <= 8, "messages are aligned to 8 bytes");
        if (raw_.size % sizeof(T) != 0) return {};
        return {static_cast<const T *>(raw_.data), raw_.size / sizeof(T)};
    }
    const Raw &raw() const noexcept { return raw_; }

    /* Gives it back now. */
    result<void> release() noexcept { return result<void>::of(give_back(Release)); }

    /* `call(raw)` fills it, and returns a result. */
    template <class Call> int fill(Native *from, Call &&call) noexcept {
        int code = call(&raw_);
        from_ = code >= 0 ? from : nullptr;
        return code;
    }

protected:
    template <class Call> int give_back(Call &&call) noexcept {
        Native *from = std::exchange(from_, nullptr);
        return from ? call(from, &raw_) : SPG_EINVAL;
    }

    Raw raw_; /* means something while from_ does */
    Native *from_ = nullptr;

private:
    void take(held &other) noexcept {
        from_ = std::exchange(other.from_, nullptr);
        if (from_) raw_ = other.raw_;
    }
};

/* Room on loan, given back unless it is published. */
template <class Native, int (*Discard)(Native *, void *)> class room {
public:
    room() noexcept = default;
    room(Native *from, void *data, std::size_t size) noexcept
        : from_(from), data_(data), size_(size) {}
    room(room &&other) noexcept
        : from_(std::exchange(other.from_, nullptr)), data_(other.data_), size_(other.size_) {}
    room &operator=(room &&other) noexcept {
        std::swap(from_, other.from_);
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~room() {
        if (from_) Discard(from_, data_);
    }

    void *data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }
    span<std::byte> bytes() const noexcept { return {static_cast<std::byte *>(data_), size_}; }

    /* It went with a call that succeeded. */
    int gone_if(int code) noexcept {
        if (code >= 0) from_ = nullptr;
        return code;
    }

protected:
    Native *from_ = nullptr;
    void *data_ = nullptr;
    std::size_t size_ = 0;
};

inline int discard_value(spg_cell *cell, void *) noexcept {
    return spg_cell_discard(cell);
}

inline int refuse_closed(spg_server *server, const spg_request *request) noexcept {
    return spg_server_refuse(server, request, SPG_ECLOSED);
}

/* The same as one T. */
template <class T, class Base> class typed : public Base {
public:
    using Base::Base;
    auto &operator*() const noexcept { return *operator->(); }
    auto *operator->() const noexcept { return cast(this->data()); }

private:
    static T *cast(void *data) noexcept { return static_cast<T *>(data); }
    static const T *cast(const void *data) noexcept { return static_cast<const T *>(data); }
};
template <class Base> class typed<void, Base> : public Base {
    using Base::Base;
};

/* Receives what must be one T. */
template <class T, class Held, class Native, class Call>
result<typed<T, Held>> receive(Native *native, Call &&call) noexcept {
    return result<typed<T, Held>>::of([&](typed<T, Held> &held) noexcept {
        int code = held.fill(native, call);
        if constexpr (!std::is_void_v<T>) {
            if (code >= 0 && held.size() != sizeof(T)) {
                held = {};
                return static_cast<int>(SPG_ETYPE);
            }
        }
        return code;
    });
}

template <class Room, class Native, class Call>
result<Room> loan(Native *native, std::size_t size, Call &&call) noexcept {
    void *data = nullptr;
    int code = call(&data);
    if (code < 0) return static_cast<errc>(code);
    return Room(native, data, size);
}

} // namespace detail

/* ---- nodes and segments ---------------------------------------------------------------------- */

/* Option structs, each with the C library's defaults. */
struct node_options : spg_node_options {
    node_options() noexcept : spg_node_options SPG_NODE_OPTIONS {}
};
struct segment_options : spg_segment_options {
    segment_options() noexcept : spg_segment_options SPG_SEGMENT_OPTIONS {}
};
struct topic_options : spg_topic_options {
    topic_options() noexcept : spg_topic_options SPG_TOPIC_OPTIONS {}
};
struct subscriber_options : spg_subscriber_options {
    subscriber_options() noexcept : spg_subscriber_options SPG_SUBSCRIBER_OPTIONS {}
};
struct cell_options : spg_cell_options {
    cell_options() noexcept : spg_cell_options SPG_CELL_OPTIONS {}
};
struct stream_options : spg_stream_options {
    stream_options() noexcept : spg_stream_options SPG_STREAM_OPTIONS {}
};
struct queue_options : spg_queue_options {
    queue_options() noexcept : spg_queue_options SPG_QUEUE_OPTIONS {}
};
struct service_options : spg_service_options {
    service_options() noexcept : spg_service_options SPG_SERVICE_OPTIONS {}
};

class node : public detail::handle<spg_node, spg_node_close> {
public:
    using handle::handle;

    static result<node> open(const node_options &options = {}) noexcept {
        return detail::made<node, spg_node>(
            [&](spg_node **out) noexcept { return spg_node_open(out, &options); });
    }
    result<uint64_t> id() const noexcept {
        return result<uint64_t>::of(
            [this](uint64_t &id) noexcept { return spg_node_id(native_handle(), &id); });
    }
    /* True, too, where there is doubt. */
    bool alive(uint64_t id) const noexcept { return spg_node_alive(native_handle(), id) != 0; }
    std::string_view domain() const noexcept { return spg_node_domain(native_handle()); }

    operator spg_node *() const noexcept { return native_handle(); }
};

class segment : public detail::handle<spg_segment, spg_segment_close> {
public:
    using handle::handle;

    static result<segment> create(std::string_view name, std::size_t size,
                                  const segment_options &options = {}) noexcept {
        return detail::made<segment, spg_segment>([&](spg_segment **out) noexcept {
            return spg_segment_create(out, detail::segment_name(name), size, &options);
        });
    }
    /* Makes a segment for one T, which `prepare(T &)` fills, returning a result<void>, before
     * anybody else can see it; or opens the one that is there, where options.exclusive is 0. */
    template <class T, class Prepare>
    static result<segment> create(std::string_view name, segment_options options,
                                  Prepare prepare) noexcept {
        options.context = &prepare;
        options.prepare = [](void *context, void *bytes, size_t) {
            result<void> prepared = (*static_cast<Prepare *>(context))(*static_cast<T *>(bytes));
            return prepared.error().value();
        };
        return create(name, sizeof(T), options);
    }
    static result<segment> open(std::string_view name,
                                const segment_options &options = {}) noexcept {
        return detail::made<segment, spg_segment>([&](spg_segment **out) noexcept {
            return spg_segment_open(out, detail::segment_name(name), &options);
        });
    }
    static result<segment> open(int fd, const segment_options &options = {}) noexcept {
        return detail::made<segment, spg_segment>([&](spg_segment **out) noexcept {
            return spg_segment_open_fd(out, fd, &options);
        });
    }
    static result<segment> receive(int socket, const segment_options &options = {}) noexcept {
        return detail::made<segment, spg_segment>([&](spg_segment **out) noexcept {
            return spg_segment_receive(out, socket, &options);
        });
    }
    static result<void> unlink(std::string_view name) noexcept {
        return result<void>::of(spg_segment_unlink(detail::segment_name(name)));
    }

    void *data() const noexcept { return spg_segment_address(native_handle()); }
    std::size_t size() const noexcept { return spg_segment_size(native_handle()); }
    span<std::byte> bytes() const noexcept { return {static_cast<std::byte *>(data()), size()}; }
    /* Its first bytes as one T, all of it as Ts; NULL or none if it is too small. */
    template <class T> T *as() const noexcept {
        return size() >= sizeof(T) ? static_cast<T *>(data()) : nullptr;
    }
    template <class T> span<T> elements() const noexcept {
        return {static_cast<T *>(data()), size() / sizeof(T)};
    }
    std::string_view name() const noexcept { return spg_segment_name(native_handle()); }
    int fd() const noexcept { return spg_segment_fd(native_handle()); }

    result<void> send(int socket) const noexcept {
        return result<void>::of(spg_segment_send(native_handle(), socket));
    }
    result<void> resize(std::size_t size) noexcept {
        return result<void>::of(spg_segment_resize(native_handle(), size));
    }
    result<void> seal(unsigned seals) noexcept {
        return result<void>::of(spg_segment_seal(native_handle(), seals));
    }
};

/* ---- synchronisation ------------------------------------------------------------------------- */

/* These stand in shared memory. Each is initialised once, by init(), before others can see it; a
 * constructor would do it again in every process. lock() is for std::lock_guard and its kind: where
 * the last owner died it gives the lock back and throws, for nobody would look at the data. */

/* A lock that is held, until the end of the scope. */
template <class Lock> class guard {
public:
    guard() noexcept = default;
    guard(Lock &lock, bool owner_died) noexcept : lock_(&lock), owner_died_(owner_died) {}
    guard(guard &&other) noexcept
        : lock_(std::exchange(other.lock_, nullptr)), owner_died_(other.owner_died_) {}
    guard &operator=(guard &&other) noexcept {
        std::swap(lock_, other.lock_);
        std::swap(owner_died_, other.owner_died_);
        return *this;
    }
    ~guard() { unlock(); }

    /* The last owner died, or did not repair: look at the data, then say that they are right. */
    bool owner_died() const noexcept { return owner_died_; }
    result<void> recovered() noexcept {
        result<void> done = lock_->recovered();
        if (done) owner_died_ = false;
        return done;
    }
    void unlock() noexcept {
        if (lock_) std::exchange(lock_, nullptr)->unlock();
    }

private:
    friend class condition;
    Lock *lock_ = nullptr;
    bool owner_died_ = false;
};

namespace detail {

template <class Lock> result<guard<Lock>> guard_of(Lock &lock, int code) noexcept {
    if (code < 0 && code != SPG_EOWNERDEAD) return static_cast<errc>(code);
    return guard<Lock>(lock, code == SPG_EOWNERDEAD);
}

/* For try_lock: held, and by nobody before who died. */
template <class Lock> bool is_held(Lock &lock, int code) noexcept {
    if (code == SPG_EOWNERDEAD) lock.unlock();
    return code == 0;
}

#ifdef __cpp_exceptions
template <class Lock> void must_be_held(Lock &lock, int code) {
    if (!is_held(lock, code)) throw std::system_error(code, category());
}
#endif

} // namespace detail

class mutex {
public:
    result<void> init() noexcept { return result<void>::of(spg_mutex_init(&native_)); }
    result<guard<mutex>> acquire(timeout wait = forever) noexcept {
        return detail::guard_of(*this, spg_mutex_lock(&native_, wait.count()));
    }
    bool try_lock() noexcept {
        return detail::is_held(*this, spg_mutex_lock(&native_, SPG_NOWAIT));
    }
    bool try_lock_for(timeout wait) noexcept {
        return detail::is_held(*this, spg_mutex_lock(&native_, wait.count()));
    }
    void unlock() noexcept { spg_mutex_unlock(&native_); }
    result<void> recovered() noexcept { return result<void>::of(spg_mutex_recovered(&native_)); }
#ifdef __cpp_exceptions
    void lock() { detail::must_be_held(*this, spg_mutex_lock(&native_, SPG_FOREVER)); }
#endif
    spg_mutex *native_handle() noexcept { return &native_; }

private:
    spg_mutex native_;
};

class rwlock {
public:
    result<void> init() noexcept { return result<void>::of(spg_rwlock_init(&native_)); }
    result<guard<rwlock>> acquire(timeout wait = forever) noexcept {
        return detail::guard_of(*this, spg_rwlock_lock_write(&native_, wait.count()));
    }
    /* A share. Not given (errc::owner_died) until a writer has repaired what a dead one left. */
    result<guard<rwlock>> acquire_shared(timeout wait = forever) noexcept {
        int code = spg_rwlock_lock_read(&native_, wait.count());
        if (code < 0) return static_cast<errc>(code);
        return guard<rwlock>(*this, false);
    }
    bool try_lock() noexcept {
        return detail::is_held(*this, spg_rwlock_lock_write(&native_, SPG_NOWAIT));
    }
    bool try_lock_shared() noexcept { return spg_rwlock_lock_read(&native_, SPG_NOWAIT) == 0; }
    void unlock() noexcept { spg_rwlock_unlock(&native_); }
    void unlock_shared() noexcept { spg_rwlock_unlock(&native_); }
    result<void> recovered() noexcept { return result<void>::of(spg_rwlock_recovered(&native_)); }
#ifdef __cpp_exceptions
    void lock() { detail::must_be_held(*this, spg_rwlock_lock_write(&native_, SPG_FOREVER)); }
    void lock_shared() {
        int code = spg_rwlock_lock_read(&native_, SPG_FOREVER);
        if (code < 0) throw std::system_error(code, category());
    }
#endif
    spg_rwlock *native_handle() noexcept { return &native_; }

private:
    spg_rwlock native_;
};

class semaphore {
public:
    result<void> init(uint32_t value) noexcept {
        return result<void>::of(spg_semaphore_init(&native_, value));
    }
    /* Permits that come back when their owner dies. */
    result<void> init_owned(uint32_t permits) noexcept {
        return result<void>::of(spg_semaphore_init_owned(&native_, permits));
    }
    /* True: taken from a process that died holding it. */
    result<bool> acquire(timeout wait = forever) noexcept {
        return detail::counted<bool>(spg_semaphore_wait(&native_, wait.count()));
    }
    result<void> release() noexcept { return result<void>::of(spg_semaphore_post(&native_)); }
    int value() const noexcept { return spg_semaphore_value(&native_); }

private:
    spg_semaphore native_;
};

class condition {
public:
    result<void> init() noexcept { return result<void>::of(spg_condition_init(&native_)); }
    /* The mutex is held again in any case; its guard knows if an owner died meanwhile. */
    result<void> wait(guard<mutex> &held, timeout wait = forever) noexcept {
        int code = spg_condition_wait(&native_, held.lock_->native_handle(), wait.count());
        if (code != SPG_EOWNERDEAD) return result<void>::of(code);
        held.owner_died_ = true;
        return {};
    }
    /* Until `ready()`, or an owner died, or the deadline passed. */
    template <class Ready>
    result<void> wait_until(guard<mutex> &held, Ready ready,
                            std::chrono::steady_clock::time_point deadline =
                                std::chrono::steady_clock::time_point::max()) noexcept {
        while (!ready() && !held.owner_died()) {
            result<void> done = wait(held, deadline);
            if (!done) return done;
        }
        return {};
    }
    result<void> signal() noexcept { return result<void>::of(spg_condition_signal(&native_)); }

private:
    spg_condition native_;
};

class event {
public:
    result<void> init() noexcept { return result<void>::of(spg_event_init(&native_)); }
    result<void> set() noexcept { return result<void>::of(spg_event_set(&native_)); }
    result<void> reset() noexcept { return result<void>::of(spg_event_reset(&native_)); }
    result<void> wait(timeout wait = forever) noexcept {
        return result<void>::of(spg_event_wait(&native_, wait.count()));
    }

private:
    spg_event native_;
};

class barrier {
public:
    result<void> init(uint32_t members) noexcept {
        return result<void>::of(spg_barrier_init(&native_, members));
    }
    /* True: the last to arrive. */
    result<bool> wait(timeout wait = forever) noexcept {
        return detail::counted<bool>(spg_barrier_wait(&native_, wait.count()));
    }
    result<void> leave() noexcept { return result<void>::of(spg_barrier_leave(&native_)); }

private:
    spg_barrier native_;
};

/* A value with its seqlock. */
template <class T> class seqlock {
    static_assert(is_shareable<T>, "only trivially copyable types can be shared");
    static_assert(sizeof(T) % 8 == 0, "a guarded value is a multiple of 8 bytes");

public:
    result<void> init() noexcept { return result<void>::of(spg_seqlock_init(&native_)); }
    result<void> write(const T &value, timeout wait = forever) noexcept {
        return result<void>::of(
            spg_seqlock_write(&native_, &value_, &value, sizeof value, wait.count()));
    }
    result<T> read(timeout wait = forever) const noexcept {
        return result<T>::of([&](T &value) noexcept {
            return spg_seqlock_read(&native_, &value_, &value, sizeof value, wait.count());
        });
    }

private:
    spg_seqlock native_;
    alignas(8) T value_;
};

/* ---- topic ----------------------------------------------------------------------------------- */

using message_base = detail::held<spg_message, spg_subscriber, spg_subscriber_release>;

/* A received message; raw() tells its sequence, publisher, time and what was lost before it. */
template <class T = void> using message = detail::typed<T, message_base>;

template <class T = void>
using publisher_loan = detail::typed<T, detail::room<spg_publisher, spg_publisher_discard>>;

template <class T = void> class publisher;

/* Publishes bytes. */
template <>
class publisher<void> : public detail::handle<spg_publisher, spg_publisher_close> {
public:
    using loan_type = publisher_loan<>;
    using handle::handle;

    static result<publisher> open(std::string_view name, const topic_options &options = {},
                                  spg_node *node = nullptr) noexcept {
        return detail::open<publisher>(spg_publisher_open, name, options, node);
    }
    result<void> send(samepage::bytes bytes, timeout wait = forever) noexcept {
        return result<void>::of(
            spg_publisher_send(native_handle(), bytes.data(), bytes.size(), wait.count()));
    }
    result<loan_type> loan(std::size_t size, timeout wait = forever) noexcept {
        return borrow<loan_type>(size, wait);
    }
    /* Its first `size` bytes. If that fails the loan stands. */
    result<void> publish(loan_type &loan, std::size_t size, timeout wait = forever) noexcept {
        return put(loan, size, wait);
    }

protected:
    template <class Room> result<Room> borrow(std::size_t size, timeout wait) noexcept {
        return detail::loan<Room>(native_handle(), size, [&](void **data) noexcept {
            return spg_publisher_loan(native_handle(), size, data, wait.count());
        });
    }
    template <class Room>
    result<void> put(Room &loan, std::size_t size, timeout wait) noexcept {
        return result<void>::of(loan.gone_if(
            spg_publisher_publish(native_handle(), loan.data(), size, wait.count())));
    }
};

/* Publishes Ts. */
template <class T> class publisher : public publisher<void> {
public:
    using loan_type = publisher_loan<T>;
    using publisher<void>::publisher;

    static result<publisher> open(std::string_view name, const topic_options &options = {},
                                  spg_node *node = nullptr) noexcept {
        return detail::open<publisher>(spg_publisher_open, name, detail::with_type<T>(options),
                                       node);
    }
    result<void> send(const T &value, timeout wait = forever) noexcept {
        return publisher<void>::send(bytes_of(value), wait);
    }
    result<loan_type> loan(timeout wait = forever) noexcept {
        return borrow<loan_type>(sizeof(T), wait);
    }
    result<void> publish(loan_type &loan, timeout wait = forever) noexcept {
        return put(loan, sizeof(T), wait);
    }
};

/* Receives Ts; messages of another size are errc::wrong_type. Of void: bytes, of any size. */
template <class T = void>
class subscriber : public detail::handle<spg_subscriber, spg_subscriber_close> {
public:
    using subscriber::handle::handle;

    static result<subscriber> open(std::string_view name, const subscriber_options &options = {},
                                   spg_node *node = nullptr) noexcept {
        if constexpr (std::is_void_v<T>) {
            return detail::open<subscriber>(spg_subscriber_open, name, options, node);
        } else {
            return detail::open<subscriber>(spg_subscriber_open, name,
                                            detail::with_type<T>(options), node);
        }
    }
    result<message<T>> receive(timeout wait = forever) noexcept {
        return detail::receive<T, message_base>(native_handle(), [&](spg_message *raw) noexcept {
            return spg_subscriber_receive(native_handle(), raw, wait.count());
        });
    }
    std::string_view type() const noexcept { return spg_subscriber_type(native_handle(), nullptr); }
    std::string_view schema() const noexcept { return spg_subscriber_schema(native_handle()); }
    spg_waitable *waitable() const noexcept { return spg_subscriber_waitable(native_handle()); }
    result<int> fd() const noexcept {
        return detail::counted<int>(spg_subscriber_fd(native_handle()));
    }
};

inline result<void> unlink_topic(std::string_view name, spg_node *node = nullptr) noexcept {
    return result<void>::of(spg_topic_unlink(node, detail::channel_name(name)));
}

/* ---- cell ------------------------------------------------------------------------------------ */

using cell_loan_base = detail::room<spg_cell, detail::discard_value>;

/* What cells of bytes and of Ts have in common. */
class cell_base : public detail::handle<spg_cell, spg_cell_close> {
public:
    using handle::handle;

    /* For a version above `version`; 0: for any. */
    result<void> wait(uint64_t version = 0, timeout wait = forever) noexcept {
        return result<void>::of(spg_cell_wait(native_handle(), version, wait.count()));
    }
    std::size_t capacity() const noexcept { return spg_cell_capacity(native_handle()); }
    std::string_view type() const noexcept { return spg_cell_type(native_handle(), nullptr); }
    std::string_view schema() const noexcept { return spg_cell_schema(native_handle()); }
    spg_waitable *waitable() const noexcept { return spg_cell_waitable(native_handle()); }
    result<int> fd() const noexcept { return detail::counted<int>(spg_cell_fd(native_handle())); }

protected:
    template <class Room> result<Room> borrow(std::size_t size, timeout wait) noexcept {
        return detail::loan<Room>(native_handle(), size, [&](void **data) noexcept {
            return spg_cell_loan(native_handle(), data, wait.count());
        });
    }
};

/* The latest T. */
template <class T = void> class cell : public cell_base {
public:
    using loan_type = detail::typed<T, cell_loan_base>;
    using cell_base::cell_base;

    /* Makes the cell if it is not there, unless options.read_only. */
    static result<cell> open(std::string_view name, cell_options options = {},
                             spg_node *node = nullptr) noexcept {
        options.capacity = options.read_only ? 0 : sizeof(T);
        return detail::open<cell>(spg_cell_open, name, detail::with_type<T>(options), node);
    }
    result<void> write(const T &value, timeout wait = forever) noexcept {
        return result<void>::of(
            spg_cell_write(native_handle(), &value, sizeof value, wait.count()));
    }
    /* errc::would_wait: there is none yet; errc::wrong_type: it is no T. */
    result<T> read(uint64_t *version = nullptr) noexcept {
        return result<T>::of([&](T &value) noexcept {
            int size = spg_cell_read(native_handle(), &value, sizeof value, version);
            return size < 0 || size == static_cast<int>(sizeof value) ? size
                                                                      : static_cast<int>(SPG_ETYPE);
        });
    }
    result<loan_type> loan(timeout wait = forever) noexcept {
        return borrow<loan_type>(sizeof(T), wait);
    }
    result<void> publish(loan_type &loan) noexcept {
        return result<void>::of(loan.gone_if(spg_cell_publish(native_handle(), sizeof(T))));
    }
};

/* The latest bytes, up to a capacity. */
template <> class cell<void> : public cell_base {
public:
    using loan_type = detail::typed<void, cell_loan_base>;
    using cell_base::cell_base;

    /* options.capacity 0: it must be there. */
    static result<cell> open(std::string_view name, const cell_options &options = {},
                             spg_node *node = nullptr) noexcept {
        return detail::open<cell>(spg_cell_open, name, options, node);
    }
    result<void> write(samepage::bytes bytes, timeout wait = forever) noexcept {
        return result<void>::of(
            spg_cell_write(native_handle(), bytes.data(), bytes.size(), wait.count()));
    }
    /* The size of the value. */
    result<std::size_t> read(span<std::byte> buffer, uint64_t *version = nullptr) noexcept {
        return detail::counted<std::size_t>(
            spg_cell_read(native_handle(), buffer.data(), buffer.size(), version));
    }
    result<loan_type> loan(timeout wait = forever) noexcept {
        return borrow<loan_type>(capacity(), wait);
    }
    result<void> publish(loan_type &loan, std::size_t size) noexcept {
        return result<void>::of(loan.gone_if(spg_cell_publish(native_handle(), size)));
    }
};

inline result<void> unlink_cell(std::string_view name, spg_node *node = nullptr) noexcept {
    return result<void>::of(spg_cell_unlink(node, detail::channel_name(name)));
}

/* ---- stream ---------------------------------------------------------------------------------- */

/* What both ends have. */
class stream_end : public detail::handle<spg_stream, spg_stream_close> {
public:
    using handle::handle;

    std::size_t capacity() const noexcept { return spg_stream_capacity(native_handle()); }
    spg_waitable *waitable() const noexcept { return spg_stream_waitable(native_handle()); }
    result<int> fd() const noexcept {
        return detail::counted<int>(spg_stream_fd(native_handle()));
    }

protected:
    template <class End>
    static result<End> open_end(std::string_view name, int end, const stream_options &options,
                                spg_node *node) noexcept {
        return detail::made<End, spg_stream>([&](spg_stream **out) noexcept {
            return spg_stream_open(out, node, detail::channel_name(name), end, &options);
        });
    }
};

class stream_writer : public stream_end {
public:
    using stream_end::stream_end;

    static result<stream_writer> open(std::string_view name, const stream_options &options = {},
                                      spg_node *node = nullptr) noexcept {
        return open_end<stream_writer>(name, SPG_STREAM_WRITER, options, node);
    }
    /* How many were written: all, unless the deadline passed. */
    result<std::size_t> write(samepage::bytes bytes, timeout wait = forever) noexcept {
        return detail::counted<std::size_t>(
            spg_stream_write(native_handle(), bytes.data(), bytes.size(), wait.count()));
    }
    /* Room in one piece, to be written in place and committed. */
    result<span<std::byte>> reserve(std::size_t size, timeout wait = forever) noexcept {
        void *data = nullptr;
        int code = spg_stream_reserve(native_handle(), size, &data, wait.count());
        if (code < 0) return static_cast<errc>(code);
        return span<std::byte>(static_cast<std::byte *>(data), size);
    }
    result<void> commit(std::size_t size) noexcept {
        return result<void>::of(spg_stream_commit(native_handle(), size));
    }
    result<void> end() noexcept { return result<void>::of(spg_stream_end(native_handle())); }
};

class stream_reader : public stream_end {
public:
    using stream_end::stream_end;

    static result<stream_reader> open(std::string_view name, const stream_options &options = {},
                                      spg_node *node = nullptr) noexcept {
        return open_end<stream_reader>(name, SPG_STREAM_READER, options, node);
    }
    /* How many were read; 0: the end. */
    result<std::size_t> read(span<std::byte> buffer, timeout wait = forever) noexcept {
        return detail::counted<std::size_t>(
            spg_stream_read(native_handle(), buffer.data(), buffer.size(), wait.count()));
    }
    /* What is there, in place, until consumed; empty: the end. */
    result<span<const std::byte>> peek(timeout wait = forever) noexcept {
        const void *data = nullptr;
        int count = spg_stream_peek(native_handle(), &data, wait.count());
        if (count < 0) return static_cast<errc>(count);
        return span<const std::byte>(static_cast<const std::byte *>(data),
                                     static_cast<std::size_t>(count));
    }
    result<void> consume(std::size_t size) noexcept {
        return result<void>::of(spg_stream_consume(native_handle(), size));
    }
};

inline result<void> unlink_stream(std::string_view name, spg_node *node = nullptr) noexcept {
    return result<void>::of(spg_stream_unlink(node, detail::channel_name(name)));
}

/* ---- queue ----------------------------------------------------------------------------------- */

/* A job in hand. What is not done is offered again: at the end, or by release(). */
class job_base : public detail::held<spg_job, spg_queue, spg_queue_return> {
public:
    result<void> done() noexcept { return result<void>::of(give_back(spg_queue_done)); }
};

template <class T = void> using job = detail::typed<T, job_base>;

using job_loan_base = detail::room<spg_queue, spg_queue_discard>;

/* Jobs, each a T; or of void: bytes. */
template <class T = void> class queue : public detail::handle<spg_queue, spg_queue_close> {
    static constexpr bool untyped = std::is_void_v<T>;
    template <bool Wanted> using only = std::enable_if_t<Wanted, int>;

public:
    using loan_type = detail::typed<T, job_loan_base>;
    using value_type = std::conditional_t<untyped, samepage::bytes, T>;
    using queue::handle::handle;

    static result<queue> open(std::string_view name, const queue_options &options = {},
                              spg_node *node = nullptr) noexcept {
        if constexpr (untyped) {
            return detail::open<queue>(spg_queue_open, name, options, node);
        } else {
            return detail::open<queue>(spg_queue_open, name, detail::with_type<T>(options), node);
        }
    }
    result<void> push(const value_type &value, timeout wait = forever) noexcept {
        if constexpr (untyped) return push_bytes(value, wait);
        else return push_bytes(bytes_of(value), wait);
    }
    result<job<T>> pop(timeout wait = forever) noexcept {
        return detail::receive<T, job_base>(native_handle(), [&](spg_job *raw) noexcept {
            return spg_queue_pop(native_handle(), raw, wait.count());
        });
    }
    template <bool Untyped = untyped, only<Untyped> = 0>
    result<loan_type> loan(std::size_t size, timeout wait = forever) noexcept {
        return borrow(size, wait);
    }
    template <bool Untyped = untyped, only<!Untyped> = 0>
    result<loan_type> loan(timeout wait = forever) noexcept {
        return borrow(sizeof(value_type), wait);
    }
    /* If it fails the loan stands. */
    template <bool Untyped = untyped, only<Untyped> = 0>
    result<void> publish(loan_type &loan, std::size_t size, timeout wait = forever) noexcept {
        return put(loan, size, wait);
    }
    template <bool Untyped = untyped, only<!Untyped> = 0>
    result<void> publish(loan_type &loan, timeout wait = forever) noexcept {
        return put(loan, sizeof(value_type), wait);
    }
    spg_waitable *waitable() const noexcept { return spg_queue_waitable(native_handle()); }
    result<int> fd() const noexcept { return detail::counted<int>(spg_queue_fd(native_handle())); }

private:
    result<void> push_bytes(samepage::bytes bytes, timeout wait) noexcept {
        return result<void>::of(
            spg_queue_push(native_handle(), bytes.data(), bytes.size(), wait.count()));
    }
    result<loan_type> borrow(std::size_t size, timeout wait) noexcept {
        return detail::loan<loan_type>(native_handle(), size, [&](void **data) noexcept {
            return spg_queue_loan(native_handle(), size, data, wait.count());
        });
    }
    result<void> put(loan_type &loan, std::size_t size, timeout wait) noexcept {
        return result<void>::of(
            loan.gone_if(spg_queue_publish(native_handle(), loan.data(), size, wait.count())));
    }
};

inline result<void> unlink_queue(std::string_view name, spg_node *node = nullptr) noexcept {
    return result<void>::of(spg_queue_unlink(node, detail::channel_name(name)));
}

/* ---- service --------------------------------------------------------------------------------- */

using response_loan = detail::room<spg_server, spg_server_discard>;
using request_loan = detail::room<spg_client, spg_client_discard>;

/* A request in hand. One that is not answered is refused with errc::closed in the end. */
class request : public detail::held<spg_request, spg_server, detail::refuse_closed> {
public:
    result<void> reply(samepage::bytes bytes) noexcept { return reply(bytes.data(), bytes.size()); }
    /* In place: the first `size` bytes of a loan of its server. */
    result<void> reply(response_loan &loan, std::size_t size) noexcept {
        result<void> done = reply(loan.data(), size);
        loan.gone_if(done.error().value());
        return done;
    }
    result<void> refuse(errc error) noexcept {
        return result<void>::of(give_back([&](spg_server *from, const spg_request *raw) noexcept {
            return spg_server_refuse(from, raw, static_cast<int>(error));
        }));
    }

private:
    /* After these four it is still in hand. */
    static bool is_kept(int code) noexcept {
        return code == SPG_EAGAIN || code == SPG_ETOOBIG || code == SPG_EFULL || code == SPG_EINVAL;
    }
    result<void> reply(const void *data, std::size_t size) noexcept {
        int code = spg_server_reply(from_, &raw_, data, size);
        if (!is_kept(code)) from_ = nullptr;
        return result<void>::of(code);
    }
};

/* raw().id says of which request. */
using response = detail::held<spg_response, spg_client, spg_client_release>;

class server : public detail::handle<spg_server, spg_server_close> {
public:
    using handle::handle;

    static result<server> open(std::string_view name, const service_options &options = {},
                               spg_node *node = nullptr) noexcept {
        return detail::open<server>(spg_server_open, name, options, node);
    }
    result<request> receive(timeout wait = forever) noexcept {
        return result<request>::of([&](request &held) noexcept {
            return held.fill(native_handle(), [&](spg_request *raw) noexcept {
                return spg_server_receive(native_handle(), raw, wait.count());
            });
        });
    }
    result<response_loan> loan(std::size_t size, timeout wait = forever) noexcept {
        return detail::loan<response_loan>(native_handle(), size, [&](void **data) noexcept {
            return spg_server_loan(native_handle(), size, data, wait.count());
        });
    }
    spg_waitable *waitable() const noexcept { return spg_server_waitable(native_handle()); }
    result<int> fd() const noexcept {
        return detail::counted<int>(spg_server_fd(native_handle()));
    }
};

class client : public detail::handle<spg_client, spg_client_close> {
public:
    using handle::handle;

    static result<client> open(std::string_view name, const service_options &options = {},
                               spg_node *node = nullptr) noexcept {
        return detail::open<client>(spg_client_open, name, options, node);
    }
    result<response> call(samepage::bytes bytes, timeout wait = forever) noexcept {
        return answer([&](spg_response *raw) noexcept {
            return spg_client_call(native_handle(), bytes.data(), bytes.size(), raw, wait.count());
        });
    }
    /* Sends without waiting; the request's id. */
    result<uint64_t> send(samepage::bytes bytes, timeout wait = forever) noexcept {
        return result<uint64_t>::of([&](uint64_t &id) noexcept {
            return spg_client_send(native_handle(), bytes.data(), bytes.size(), &id, wait.count());
        });
    }
    /* The first `size` bytes of a loan; it stands if that fails. */
    result<uint64_t> send(request_loan &loan, std::size_t size, timeout wait = forever) noexcept {
        return result<uint64_t>::of([&](uint64_t &id) noexcept {
            return loan.gone_if(
                spg_client_send(native_handle(), loan.data(), size, &id, wait.count()));
        });
    }
    /* A response to any of the requests that were sent. Where one failed, `failed` (may be NULL)
     * receives its id, or 0 if the failure is of none. */
    result<response> receive(timeout wait = forever, uint64_t *failed = nullptr) noexcept {
        return answer([&](spg_response *raw) noexcept {
            int code = spg_client_receive(native_handle(), raw, wait.count());
            if (code < 0 && failed) *failed = raw->id;
            return code;
        });
    }
    result<void> cancel(uint64_t id) noexcept {
        return result<void>::of(spg_client_cancel(native_handle(), id));
    }
    result<request_loan> loan(std::size_t size, timeout wait = forever) noexcept {
        return detail::loan<request_loan>(native_handle(), size, [&](void **data) noexcept {
            return spg_client_loan(native_handle(), size, data, wait.count());
        });
    }
    spg_waitable *waitable() const noexcept { return spg_client_waitable(native_handle()); }
    result<int> fd() const noexcept {
        return detail::counted<int>(spg_client_fd(native_handle()));
    }

private:
    template <class Call> result<response> answer(Call &&call) noexcept {
        return result<response>::of(
            [&](response &held) noexcept { return held.fill(native_handle(), call); });
    }
};

inline result<void> unlink_service(std::string_view name, spg_node *node = nullptr) noexcept {
    return result<void>::of(spg_service_unlink(node, detail::channel_name(name)));
}

/* ---- waiting for several --------------------------------------------------------------------- */

/* Of anything that has waitable(). What is in it must stay where it is open. */
class waitset : public detail::handle<spg_waitset, spg_waitset_close> {
public:
    using handle::handle;

    static result<waitset> open() noexcept {
        return detail::made<waitset, spg_waitset>(
            [](spg_waitset **out) noexcept { return spg_waitset_open(out); });
    }
    template <class Receiver> result<void> add(const Receiver &receiver, void *tag) noexcept {
        return result<void>::of(spg_waitset_add(native_handle(), receiver.waitable(), tag));
    }
    template <class Receiver> result<void> remove(const Receiver &receiver) noexcept {
        return result<void>::of(spg_waitset_remove(native_handle(), receiver.waitable()));
    }
    /* Writes the tags of what is ready; how many. */
    result<std::size_t> wait(span<void *> tags, timeout wait = forever) noexcept {
        return detail::counted<std::size_t>(spg_waitset_wait(
            native_handle(), tags.data(), static_cast<int>(tags.size()), wait.count()));
    }
};

} // namespace samepage

#endif
