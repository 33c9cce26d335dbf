#include "server_under_test/scopes/handlers.hpp"

namespace shutdown_repro::server {

namespace {

std::int64_t own_delay_ms(act does, std::uint32_t i) {
    switch (does) {
    case act::done: return 5 + i;
    case act::throw_resume: return 20 + i;
    default: return 60 + i;
    }
}

task child(coroutine& self, traces::nanoseconds how_long, bool fails) {
    wake const woken = co_await delay(self, how_long);
    if (woken == wake::cancelled) co_return outcome::cancelled;
    if (fails) co_return outcome::failed;
    co_return outcome::completed;
}

void spawn_child(coroutine& self, std::uint32_t i, bool fails = false) {
    self.rt->spawn(*self.home, "k" + std::to_string(i),
        [i, fails](coroutine& k) { return child(k, ((fails ? 30 : 70) + i) * traces::millisecond, fails); });
}

} // namespace

task handle(coroutine& self, handler_host& host, handler_config config, std::uint32_t i) {
    act const does = config.does;
    wake woken = wake::value;
    if (signal* together = host.hold(self)) woken = co_await wait(self, *together, "latch");
    if (woken == wake::value && (does == act::spawn || does == act::spawn_throw))
        spawn_child(self, i, does == act::spawn_throw);
    if (does == act::forever) {
        if (woken == wake::value) woken = co_await never(self);
    } else if (config.steps) {
        for (std::uint32_t s = 0; s < config.steps && woken == wake::value; ++s)
            woken = co_await answer_awaiter{self, {traces::entity::request, i}};
    } else if (woken == wake::value) {
        woken = co_await delay(self, config.delay_ms.value_or(own_delay_ms(does, i)) * traces::millisecond);
    }
    if (woken == wake::value) {
        if (does == act::throw_resume) co_return outcome::failed;
        host.answer(self, i);
        co_return outcome::completed;
    }
    switch (does) { // torn down
    case act::throw_cancel: co_return outcome::failed;
    case act::spawn_on_cancel: spawn_child(self, i); co_return outcome::cancelled;
    case act::cleanup:
        if (config.steps) woken = co_await answer_awaiter{self, {traces::entity::request, i}};
        else woken = co_await delay(self, (5 + i) * traces::millisecond);
        if (woken == wake::cancelled) co_return outcome::cancelled;
        host.answer(self, i);
        co_return outcome::completed;
    default: co_return outcome::cancelled;
    }
}

task completion_hook(coroutine& self) {
    auto const i = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(self.context));
    co_await delay_awaiter{self, (5 + i) * traces::millisecond, "hook"};
    co_return outcome::completed;
}

} // namespace shutdown_repro::server
