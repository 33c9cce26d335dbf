#include "repro/live/curl_clients.hpp"
#include <algorithm>
#include <cerrno>
#include <curl/curl.h>
#include <limits>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string_view>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>
#include "traces/clock.hpp"

namespace shutdown_repro::repro {

using traces::entity;
using traces::kind;

namespace {

constexpr traces::nanoseconds never = std::numeric_limits<traces::nanoseconds>::max();

// Initializes libcurl once per process, without TLS.
void initialize_libcurl() {
    static bool const done = curl_global_init(CURL_GLOBAL_NOTHING) == CURLE_OK;
    if (!done) throw std::runtime_error("libcurl cannot be initialized");
}

} // namespace

// One client and its connection. libcurl holds its address, so it must not move.
struct curl_client {
    curl_client(curl_clients& all, std::uint32_t its_number, std::uint32_t its_first, std::uint32_t its_last);
    curl_client(curl_client const&) = delete;
    ~curl_client();

    void begin();
    void record(kind, std::initializer_list<traces::field> = {}) const;
    void peek(int fd);
    void first_bytes(std::uint64_t);
    std::uint64_t bytes() const { return std::max(received, first); }
    traces::ref request() const { return {entity::request, next}; }
    std::string_view how_it_failed(CURLcode) const;

    static curl_socket_t on_open(void*, curlsocktype, curl_sockaddr*);
    static int on_close(void*, curl_socket_t);
    static int on_connected(void*, char*, char*, int, int);
    static int on_debug(CURL*, curl_infotype, char*, std::size_t, void*);
    static std::size_t on_body(char*, std::size_t, std::size_t, void*);

    curl_clients& owner;
    std::uint32_t number, next, last; // next: the request in flight
    CURL* easy;
    CURLSH* own_pool = nullptr;
    bool over = false;
    bool opened = false, open = false, connected = false, by_peer_reset = false; // of the connection
    bool sent = false;                                                           // of the request
    std::uint64_t received = 0, first = 0; // bytes of the response: taken by libcurl, and there at first
    std::string head;                      // as far as it was handed to the kernel
};

curl_client::curl_client(curl_clients& all, std::uint32_t its_number, std::uint32_t its_first, std::uint32_t its_last)
    : owner(all),
      number(its_number),
      next(its_first),
      last(its_last),
      easy(curl_easy_init()) {
    auto const set = [this](auto option, auto value) {
        if (curl_easy_setopt(easy, option, value) != CURLE_OK)
            throw std::runtime_error("this libcurl lacks an option that the clients need");
    };
    set(CURLOPT_PRIVATE, static_cast<void*>(this));
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_PROXY, "");
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(CURLOPT_BUFFERSIZE, 1024L); // 10,000 of them
    set(CURLOPT_OPENSOCKETFUNCTION, &on_open);
    set(CURLOPT_OPENSOCKETDATA, static_cast<void*>(this));
    set(CURLOPT_CLOSESOCKETFUNCTION, &on_close);
    set(CURLOPT_CLOSESOCKETDATA, static_cast<void*>(this));
    set(CURLOPT_PREREQFUNCTION, &on_connected);
    set(CURLOPT_PREREQDATA, static_cast<void*>(this));
    set(CURLOPT_VERBOSE, 1L); // the debug function sees what is sent and received, when it is
    set(CURLOPT_DEBUGFUNCTION, &on_debug);
    set(CURLOPT_DEBUGDATA, static_cast<void*>(this));
    set(CURLOPT_WRITEFUNCTION, &on_body);
    set(CURLOPT_WRITEDATA, static_cast<void*>(this));
    if (its_first == last) {
        set(CURLOPT_FRESH_CONNECT, 1L);
        return;
    }
    // A connection pool of its own: otherwise libcurl would use any idle connection to the server, even that of another
    // client.
    own_pool = curl_share_init();
    curl_share_setopt(own_pool, CURLSHOPT_SHARE, CURL_LOCK_DATA_CONNECT);
    set(CURLOPT_SHARE, own_pool);
}

curl_client::~curl_client() {
    curl_easy_cleanup(easy);
    if (own_pool) curl_share_cleanup(own_pool);
}

void curl_client::begin() {
    sent = false;
    received = first = 0;
    head.clear();
    std::string const url = "http://127.0.0.1:" + std::to_string(owner.on_.port) + "/" + std::to_string(next);
    curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, next == last ? 1L : 0L); // closes after its last response
    curl_multi_add_handle(owner.multi_, easy);
}

void curl_client::record(kind what, std::initializer_list<traces::field> detail) const {
    traces::ref const me{entity::client, number};
    traces::recorder::acting const as_client(owner.on_.record, me);
    owner.on_.record.emit(what, me, {}, detail);
}

// Called just before a connection is opened. A second one means that libcurl retries the request, which is not allowed.
curl_socket_t curl_client::on_open(void* self, curlsocktype, curl_sockaddr* address) {
    curl_client& c = *static_cast<curl_client*>(self);
    if (c.opened) return CURL_SOCKET_BAD;
    int const fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd < 0) {
        c.owner.failure_ =
            "client " + std::to_string(c.number) + " cannot open a socket: " + std::generic_category().message(errno);
        return CURL_SOCKET_BAD;
    }
    c.opened = c.open = true;
    auto& by_descriptor = c.owner.by_descriptor_;
    if (by_descriptor.size() <= static_cast<std::size_t>(fd)) by_descriptor.resize(static_cast<std::size_t>(fd) + 1);
    by_descriptor[static_cast<std::size_t>(fd)] = &c;
    c.owner.on_.clock = traces::monotonic_now();
    c.record(kind::client_connect, {{"port", static_cast<std::uint32_t>(c.owner.on_.port)}});
    return fd;
}

// Asks the kernel for the state of the connection, because libcurl does not report all of it.
int curl_client::on_close(void* self, curl_socket_t fd) {
    curl_client& c = *static_cast<curl_client*>(self);
    tcp_info info{};
    socklen_t size = sizeof info;
    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size);
    c.by_peer_reset = info.tcpi_state == TCP_CLOSE;
    c.open = false;
    c.owner.on_.events.forget(fd);
    return ::close(fd);
}

// Called just before a request is sent, on a new or on the existing connection.
int curl_client::on_connected(void* self, char*, char*, int, int) {
    curl_client& c = *static_cast<curl_client*>(self);
    c.owner.on_.clock = traces::monotonic_now();
    if (!std::exchange(c.connected, true)) c.record(kind::client_connected);
    return CURL_PREREQFUNC_OK;
}

int curl_client::on_debug(CURL*, curl_infotype type, char* data, std::size_t size, void* self) {
    curl_client& c = *static_cast<curl_client*>(self);
    if (type == CURLINFO_HEADER_OUT && !c.sent) {
        c.head.append(data, size);
        if (!c.head.ends_with("\r\n\r\n")) return 0;
        c.sent = true;
        c.record(kind::client_send, {{"request", c.request()}, {"bytes", static_cast<std::uint64_t>(c.head.size())}});
    } else if (type == CURLINFO_HEADER_IN) {
        c.first_bytes(size);
        c.received += size;
    }
    return 0;
}

std::size_t curl_client::on_body(char*, std::size_t, std::size_t size, void* self) {
    static_cast<curl_client*>(self)->received += size;
    return size;
}

// libcurl does not report bytes before they form a line.
void curl_client::peek(int fd) {
    char bytes[1024];
    ssize_t const there = sent && !first ? ::recv(fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT) : 0;
    if (there > 0) first_bytes(static_cast<std::uint64_t>(there));
}

void curl_client::first_bytes(std::uint64_t how_many) {
    owner.on_.clock = traces::monotonic_now();
    if (first) return;
    first = how_many;
    record(kind::client_receive, {{"bytes", first}, {"request", request()}});
}

std::string_view curl_client::how_it_failed(CURLcode result) const {
    if (first) return "truncated";
    if (connected) return by_peer_reset ? "reset" : "eof";
    long error = 0;
    curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &error);
    if (error == ECONNREFUSED) return "refused";
    return result == CURLE_OPERATION_TIMEDOUT ? "timeout" : "reset";
}

// --- all of them -----------------------------------------------------------------------------------------------------

curl_clients::curl_clients(client_surroundings const& on) : on_(on), due_(never) {
    initialize_libcurl();
    multi_ = curl_multi_init();
    auto const on_socket = [](CURL*, curl_socket_t fd, int what, void* self, void*) {
        auto& all = *static_cast<curl_clients*>(self);
        if (what == CURL_POLL_REMOVE) all.on_.events.forget(fd);
        else all.watch(fd, (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u));
        return 0;
    };
    auto const on_timer = [](CURLM*, long milliseconds, void* self) {
        static_cast<curl_clients*>(self)->due_ =
            milliseconds < 0 ? never : traces::monotonic_now() + milliseconds * traces::millisecond;
        return 0;
    };
    curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, +on_socket);
    curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, +on_timer);
    curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);

    std::uint32_t const requests = requests_of(on.plan), each = std::max(1u, on.plan.per_connection);
    for (std::uint32_t first = 1, number = 1; first <= requests; first += each, ++number)
        clients_.push_back(std::make_unique<curl_client>(*this, number, first, std::min(requests, first + each - 1)));
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(clients_.size()) + 1);
    running_ = clients_.size();
    for (auto const& c : clients_) c->begin();
}

// Closing handles still calls back into the clients, so the clients are destroyed last.
curl_clients::~curl_clients() {
    for (auto const& c : clients_) curl_multi_remove_handle(multi_, c->easy);
    curl_multi_cleanup(multi_);
}

// An exception must not propagate through libcurl.
void curl_clients::watch(int fd, std::uint32_t events) noexcept {
    try {
        on_.events.watch(fd, events, *this);
    } catch (std::exception const& e) { failure_ = e.what(); }
}

void curl_clients::on_ready(int fd, std::uint32_t events) {
    int const what = (events & EPOLLIN ? CURL_CSELECT_IN : 0) | (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
        (events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
    if (events & EPOLLIN) by_descriptor_[static_cast<std::size_t>(fd)]->peek(fd);
    advance(fd, what);
}

void curl_clients::on_time() {
    due_ = never;
    advance(CURL_SOCKET_TIMEOUT, 0);
}

void curl_clients::advance(int fd, int events) {
    on_.clock = traces::monotonic_now();
    int running = 0;
    curl_multi_socket_action(multi_, fd, events, &running);
    take_results();
}

void curl_clients::take_results() {
    int left = 0;
    while (CURLMsg* const message = curl_multi_info_read(multi_, &left)) {
        CURLcode const result = message->data.result; // a copy: removing the handle frees the message
        CURL* const easy = message->easy_handle;
        void* self = nullptr;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &self);
        curl_multi_remove_handle(multi_, easy);
        finish(*static_cast<curl_client*>(self), result);
    }
}

void curl_clients::finish(curl_client& c, int result) {
    on_.clock = traces::monotonic_now();
    if (result == CURLE_OK) {
        long status = 0;
        curl_easy_getinfo(c.easy, CURLINFO_RESPONSE_CODE, &status);
        c.record(kind::client_done, {{"request", c.request()}, {"status", static_cast<int>(status)}});
        if (c.next < c.last && c.open) {
            ++c.next;
            return c.begin();
        }
    } else if (c.connected && !c.sent) {
        c.record(kind::client_closed); // while it was idle: before this request could be sent on it
    } else {
        c.record(kind::client_fail,
            {{"request", c.request()}, {"how", c.how_it_failed(static_cast<CURLcode>(result))},
                {"received", c.bytes()}});
    }
    c.over = true;
    --running_;
}

void curl_clients::give_up() {
    on_.clock = traces::monotonic_now();
    for (auto const& c : clients_) {
        if (c->over) continue;
        c->record(kind::client_fail, {{"request", c->request()}, {"how", "timeout"}, {"received", c->bytes()}});
        c->over = true;
    }
    running_ = 0;
}

} // namespace shutdown_repro::repro
