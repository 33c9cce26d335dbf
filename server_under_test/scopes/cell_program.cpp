#include "server_under_test/scopes/cell_program.hpp"

namespace shutdown_repro::server {

using traces::kind;

namespace {

constexpr traces::nanoseconds stop_at = 10 * traces::millisecond, shutdown_time = 50 * traces::millisecond,
                              end_at = 500 * traces::millisecond;

} // namespace

cell_program::cell_program(runtime& rt, cell const& c) : rt_(rt), cell_(c), dispose_later_(rt) {}

void cell_program::start() {
    main_scope_ = &rt_.open("M", nullptr, false, true);
    rt_.spawn(*main_scope_, "main", [this](coroutine& self) { return main_body(self); });
    if (!cell_.ends_in_shutdown) return;
    shutdown_at_.owner = this;
    shutdown_at_.run = [](work& w) {
        runtime& rt = static_cast<alarm&>(w).owner->rt_;
        rt.trace().emit(kind::loop_stop, {traces::entity::loop, 1}, {}, {{"why", "requested"}});
        rt.shutdown();
    };
    rt_.on.start(shutdown_at_, shutdown_time);
}

bool cell_program::stalled() {
    if (std::exchange(stalled_once_, true)) return false;
    rt_.trace().emit(kind::loop_stop, {traces::entity::loop, 1}, {}, {{"why", "stall"}});
    rt_.shutdown();
    return true;
}

void cell_program::spawn_handler(std::uint32_t i) {
    act const does = cell_.acts[i - 1];
    scope& home = cell_.place == placement::child ? rt_.open("R" + std::to_string(i), server_, false) : *server_;
    coroutine* const h =
        rt_.spawn(home, "h" + std::to_string(i), [&](coroutine& c) { return handle(c, *this, {.does = does}, i); });
    if (!h || does != act::hook_park) return;
    h->make_hook = completion_hook;
    h->context = reinterpret_cast<void*>(static_cast<std::uintptr_t>(i));
}

void cell_program::release_server() {
    traces::recorder::because_of const here(rt_.trace(), rt_.trace().emit(kind::act_free, {traces::entity::server, 1}));
    server_->release_object(rt_);
}

task cell_program::listen(coroutine& self) {
    traces::ref const me = rt_.trace().fresh(traces::entity::listener);
    bool const own = cell_.holds == owner::extra;
    if (own) server_->add_reference();
    rt_.trace().emit(kind::scope_attach, server_->id, {},
        {{"listener", me}, {"holds", own ? "own reference" : "reference"}, {"refs", server_->refs}});
    co_await completion{self, *server_, completion_wait::until::any_notice, -1, true, me};
    co_return outcome::completed;
}

// Those that start at once, or those that start in the instant of the stop.
void cell_program::spawn_handlers(bool at_once) {
    auto const n = static_cast<std::uint32_t>(cell_.acts.size());
    for (std::uint32_t i = 1; i <= n; ++i)
        if ((cell_.acts[i - 1] != act::unstarted) == at_once) spawn_handler(i);
}

void cell_program::spawn_late() {
    rt_.spawn(*server_, "late", [](coroutine& late) -> task {
        return [](coroutine& me) -> task {
            co_return co_await delay(me, 62 * traces::millisecond) == wake::cancelled ? outcome::cancelled
                                                                                      : outcome::completed;
        }(late);
    });
}

void cell_program::cancel_server() {
    if (!server_->freed) server_->cancel(rt_);
}

task cell_program::main_body(coroutine& self) {
    server_ = &rt_.open("S", cell_.root ? nullptr : main_scope_, true, cell_.safe);
    spawn_handlers(true);
    if (cell_.holds != owner::server) rt_.spawn(*main_scope_, "L", [this](coroutine& l) { return listen(l); });
    auto const sleep_until = [&](traces::nanoseconds t) { return delay(self, t - rt_.on.now()); };
    co_await sleep_until(stop_at);
    spawn_handlers(false);
    rt_.trace().emit(kind::act_stop, {traces::entity::server, 1});

    using enum sequence;
    sequence const s = cell_.steps;
    if (s >= dat_free) dispose_later_.begin(*server_, 20 * traces::millisecond, *main_scope_, "T");
    auto const finished = [&] { return server_->freed || server_->finished(); };
    switch (s) {
    case sequence::free:
    case dat_free: break;
    case cancel_free: cancel_server(); break;
    case cancel_wait_free:
    case dat_cancel:
        cancel_server();
        co_await sleep_until(40 * traces::millisecond);
        break;
    case wait_free:
    case dat_wait: co_await sleep_until(40 * traces::millisecond); break;
    case late_free: co_await sleep_until(100 * traces::millisecond); break;
    case dat_cancel_spawn:
        cancel_server();
        spawn_late();
        co_await sleep_until(40 * traces::millisecond);
        break;
    case dat_cancel_wait_spawn:
        cancel_server();
        co_await sleep_until(25 * traces::millisecond);
        spawn_late();
        co_await sleep_until(40 * traces::millisecond);
        break;
    case dat_cancel_wait_free:
        cancel_server();
        co_await sleep_until(25 * traces::millisecond);
        break;
    case fix_expire:
    case fix_grace:
    case fix_zero:
        if (s != fix_zero && !finished())
            co_await await_completion(self, *server_, (s == fix_expire ? 20 : 200) * traces::millisecond);
        if (!finished()) {
            cancel_server();
            co_await await_after_cancellation(self, *server_);
        }
        break;
    }
    if (rt_.dead()) co_return outcome::completed;
    release_server();
    if (!rt_.shutting_down() && !rt_.dead()) co_await sleep_until(end_at);
    co_return outcome::completed;
}

} // namespace shutdown_repro::server
