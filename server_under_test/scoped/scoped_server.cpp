#include "server_under_test/scoped/scoped_server.hpp"

#include <charconv>

namespace shutdown_repro::server {

using traces::entity;
using traces::kind;
using because_of = traces::recorder::because_of;

namespace {

// Builds a name that ends in a number without allocating.
class numbered {
public:
    numbered(std::string_view prefix, std::uint32_t n) {
        prefix.copy(text_, prefix.size());
        end_ = std::to_chars(text_ + prefix.size(), std::end(text_), n).ptr;
    }
    std::string_view view() const { return {text_, static_cast<std::size_t>(end_ - text_)}; }

private:
    char text_[32];
    char* end_;
};

} // namespace

// A request in flight.
struct scoped_server::in_flight : pooled {
    scoped_server* server;
    connection* from;
    traces::ref id;
    std::uint32_t number;
    int status = 0; // of the response; 0 before it
};

scoped_server::scoped_server(runtime& rt, config const& c)
    : config_(c),
      policy_(policy_of(c.shutdown)),
      rt_(rt),
      id_(rt.trace().fresh(entity::server)),
      dispose_later_(rt),
      gather_(c.requests),
      stop_by_handler_(lists(c.stop_at, "handler")),
      free_by_handler_(lists(c.free_at, "handler")) {
    rt.trace().emit(kind::server_open, id_, {}, {{"name", "scoped"}, {"policy", name_of(c.shutdown)}});
}

scoped_server::~scoped_server() = default;

bool scoped_server::start(std::string& error) {
    listener_ = rt_.on.listen(config_.port, error);
    if (!listener_) return false;
    port_ = listener_->port();
    rt_.trace().emit(kind::server_listen, id_, {}, {{"port", static_cast<std::uint32_t>(port_)}});

    main_scope_ = &rt_.open("main", nullptr, false, true);
    server_scope_ = &rt_.open("server", main_scope_, true, config_.safe);
    rt_.spawn(*main_scope_, "main", [this](coroutine& self) { return lifecycle(self); });
    if (config_.holds != owner::server) spawn_scope_listener();

    acceptable_.owner = this;
    acceptable_.run = [](work& w) { static_cast<acceptor&>(w).owner->accept_all(); };
    listener_->when_acceptable(acceptable_);
    rt_.trace().emit(kind::server_ready, id_);
    return true;
}

// --- the lifecycle --------------------------------------------------------------------------------------------------

task scoped_server::lifecycle(coroutine& self) {
    if (!stop_called_ && !free_wanted && !freed_) co_await wait(self, stop_wanted_, "stop");
    co_await policy_.drain(*this, self);
    if (rt_.dead()) co_return outcome::completed;
    drained = true;
    rt_.trace().emit(kind::server_stopped, id_);
    if (free_wanted) release();
    lifecycle_over_ = true;
    if (dispose_later_.pending())
        co_await wait(self, dispose_later_.over, "disposal"); // an armed timer keeps the loop of the program running
    co_return outcome::completed;
}

// Spawns a coroutine that waits for the end of the server scope: with the owning reference, which it takes over, or
// with one of its own.
void scoped_server::spawn_scope_listener() {
    bool const own = config_.holds == owner::extra || policy_.listener_has_own_reference();
    if (own) server_scope_->add_reference();
    coroutine* const l =
        rt_.spawn(*main_scope_, "listener", [&](coroutine& self) { return listen_to_scope(self, own); });
    if (!own) return;
    l->context = this;
    l->on_finish = [](coroutine& self, outcome o) {
        if (o == outcome::never_ran)
            static_cast<scoped_server*>(self.context)->server_scope_->release(*self.rt, "listener");
    };
}

task scoped_server::listen_to_scope(coroutine& self, bool own) {
    traces::ref const me = rt_.trace().fresh(entity::listener);
    if (config_.listener == attach::stop && !stop_called_ && !freed_ &&
        co_await wait(self, stop_wanted_, "stop") == wake::cancelled) {
        if (own) server_scope_->release(rt_, "listener");
        co_return outcome::cancelled;
    }
    if (own && server_scope_->finished()) { // nothing left to wait for
        server_scope_->release(rt_, "listener");
        co_return outcome::completed;
    }
    if (server_scope_->freed) rt_.access_after_free(*server_scope_, "attach");
    if (rt_.dead()) co_return outcome::completed;
    rt_.trace().emit(kind::scope_attach, server_scope_->id, {},
        {{"listener", me}, {"holds", own ? "own reference" : "reference"}, {"refs", server_scope_->refs}});
    co_await completion{self, *server_scope_, completion_wait::until::any_notice, -1, true, me};
    co_return outcome::completed;
}

void scoped_server::stop() {
    if (freed_ && policy_.ignores_calls_after_free()) return;
    because_of const here(rt_.trace(), rt_.trace().emit(kind::act_stop, id_));
    if (std::exchange(stop_called_, true)) return;
    together_open_ = true;
    together_.raise(rt_);
    if (config_.dispose_after_ms)
        dispose_later_.begin(*server_scope_, *config_.dispose_after_ms * traces::millisecond, *main_scope_, "disposal");
    if (!policy_.announces_close()) stop_accepting();
    wake_lifecycle();
}

void scoped_server::free() {
    if (freed_ && policy_.ignores_calls_after_free()) return;
    because_of const here(rt_.trace(), rt_.trace().emit(kind::act_free, id_));
    if (!freed_) policy_.free(*this);
}

void scoped_server::wake_lifecycle() { stop_wanted_.raise(rt_); }

void scoped_server::release() {
    if (std::exchange(freed_, true)) return;
    server_scope_->release_object(rt_);
    if (rt_.dead()) return;
    stop_accepting();
    close_connections("fin");
    together_open_ = true;
    together_.raise(rt_);
    rt_.trace().emit(kind::server_free, id_);
    wake_lifecycle();
}

bool scoped_server::over() const { return lifecycle_over_ && rt_.alive() == 0; }

bool scoped_server::stalled() {
    if (!lifecycle_over_ || rt_.alive() == 0 || std::exchange(stalled_once_, true)) return false;
    rt_.trace().emit(kind::loop_stop, {entity::loop, 1}, {}, {{"why", "stall"}});
    rt_.shutdown();
    return true;
}

// --- connections ----------------------------------------------------------------------------------------------------

void scoped_server::stop_accepting() {
    if (!listener_) return;
    listener_.reset();
    rt_.trace().emit(kind::server_close, id_);
}

void scoped_server::accept_all() {
    while (listener_) {
        std::unique_ptr<stream> s = listener_->accept();
        if (!s) return listener_->when_acceptable(acceptable_);
        admit(std::move(s));
    }
}

void scoped_server::admit(std::unique_ptr<stream> s) {
    traces::ref const name = rt_.trace().fresh(entity::connection);
    rt_.trace().emit(kind::connection_open, name, id_);
    connection& c = *connections_.emplace_back(new connection(rt_.on, *this, std::move(s), name));
    if (config_.connection_scope && !server_scope_->freed)
        c.home = &rt_.open("connection:" + std::to_string(name.number), server_scope_, true);
    c.read();
}

void scoped_server::take_what_arrived() {
    accept_all();
    for (std::size_t i = 0; i < connections_.size(); ++i) connections_[i]->read();
}

void scoped_server::close_connections(std::string_view how) {
    for (auto const& c : connections_) {
        c->close(how);
        if (scope* home = std::exchange(c->home, nullptr)) home->release_object(rt_);
    }
}

bool scoped_server::unsent() const {
    for (auto const& c : connections_)
        if (c->unsent()) return true;
    return false;
}

// --- requests -------------------------------------------------------------------------------------------------------

void scoped_server::on_request(connection& from, std::uint32_t number) {
    traces::recorder& t = rt_.trace();
    numbered const handler_name("handler of GET /", number);
    in_flight& r = *requests_.emplace_back(new in_flight{{}, this, &from, {entity::request, number}, number});
    because_of const here(
        t, t.emit(kind::request_begin, r.id, from.id, {{"method", "GET"}, {"path", handler_name.view().substr(15)}}));

    scope* const above = from.home ? from.home : server_scope_;
    scope& home = config_.place == placement::child && !above->freed
        ? rt_.open(numbered("request:", number).view(), above, false)
        : *above;
    if (policy_.errors_stay_in_request()) home.handles_errors = true;
    handler_config const& h = config_.handler(number);
    coroutine* const c = rt_.spawn(home, handler_name.view(), [&](coroutine& self) {
        self.context = &r;
        return handle(self, *this, h, number);
    });
    if (!c) return request_over(r, outcome::never_ran);
    c->on_finish = [](coroutine& self, outcome o) {
        in_flight& mine = *static_cast<in_flight*>(self.context);
        self.context = reinterpret_cast<void*>(static_cast<std::uintptr_t>(mine.number)); // the hook expects the number
        mine.server->request_over(mine, o);
    };
    if (h.does == act::hook_park) c->make_hook = completion_hook;
}

// Delays start only when every request that can be in a handler is there, so that they are in flight together, however
// slow the clients are.
signal* scoped_server::hold(coroutine&) {
    if (!config_.together || together_open_) return nullptr;
    if (++in_handlers_ < gather_) return &together_;
    together_open_ = true;
    together_.raise(rt_);
    return nullptr;
}

void scoped_server::answer(coroutine& self, std::uint32_t number) {
    in_flight& r = *static_cast<in_flight*>(self.context);
    r.status = 200;
    if (r.from->open()) rt_.trace().emit(kind::request_respond, r.id, {}, {{"status", r.status}});
    r.from->respond(r.status);
    handler_config const& h = config_.handler(number);
    if (h.calls_stop && stop_by_handler_) stop();
    if (h.calls_free && free_by_handler_) free();
}

// The synchronous part of the completion hook: answers a request that was not answered.
void scoped_server::request_over(in_flight& r, outcome o) {
    bool const dropped = !r.from->open() && r.status == 0;
    std::string_view result = dropped ? "dropped" : "answered";
    if (r.status == 0 && !dropped) {
        result = o == outcome::failed ? "failed" : "cancelled";
        r.status = o == outcome::failed ? 500 : 503;
        rt_.trace().emit(kind::request_respond, r.id, {}, {{"status", r.status}});
        r.from->respond(r.status);
    }
    rt_.trace().emit(kind::request_finish, r.id, {}, {{"result", result}, {"status", r.status}});
    r.from->handled();
}

} // namespace shutdown_repro::server
