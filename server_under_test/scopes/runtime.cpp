#include "server_under_test/scopes/runtime.hpp"

namespace shutdown_repro::server {

using traces::kind;

scope& runtime::open(std::string_view name, scope* parent, bool has_object, std::optional<bool> softly) {
    if (scope_count_ == scopes_.size()) scopes_.push_back(std::make_unique<scope>());
    scope& s = *scopes_[scope_count_++];
    s.reset();
    s.id = trace().fresh(traces::entity::scope);
    s.name = name;
    s.safe = softly.value_or(parent && parent->safe);
    s.has_object = has_object;
    s.parent = parent;
    if (parent) {
        s.doomed = parent->doomed;
        parent->children.push_back(&s);
    }
    trace().emit(kind::scope_open, s.id, parent ? parent->id : traces::ref{},
        {{"name", name}, {"mode", s.safe ? "safe" : "unsafe"}, {"object", has_object}});
    return s;
}

coroutine* runtime::create(scope& into, std::string_view name) {
    if (!into.accepts(*this)) return nullptr;
    if (coroutine_count_ == coroutines_.size()) coroutines_.push_back(std::make_unique<coroutine>());
    coroutine& c = *coroutines_[coroutine_count_++];
    c.reset();
    c.rt = this;
    c.run = [](work& w) { static_cast<coroutine&>(w).step(); };
    c.id = trace().fresh(traces::entity::coroutine);
    c.home = &into;
    ++alive_;
    into.add(c);
    c.woken_by = trace().emit(kind::coroutine_spawn, c.id, into.id, {{"name", name}});
    return &c;
}

void runtime::launch(coroutine& c) {
    on.post(c);
    for (scope const* s = c.home; s; s = s->parent)
        if (s->doomed) return c.cancel(false);
}

void runtime::shutdown() {
    shutting_down_ = true;
    for (std::size_t i = 0; i < coroutine_count_; ++i)
        if (!coroutines_[i]->finished) coroutines_[i]->cancel(false);
}

void runtime::uncaught(coroutine&) {
    if (!std::exchange(had_uncaught_, true))
        trace().emit(kind::loop_stop, {traces::entity::loop, 1}, {}, {{"why", "uncaught error"}});
    shutdown();
}

void runtime::fail(scope const& about, std::string_view message, std::source_location where) {
    std::vector<traces::ref> live;
    for (coroutine const* c : about.members) live.push_back(c->id);
    std::string_view file = where.file_name();
    file.remove_prefix(file.rfind('/') + 1); // npos + 1 == 0
    trace().emit(kind::assertion, about.id, {},
        {{"message", message}, {"file", file}, {"line", where.line()}, {"live", std::span<traces::ref const>(live)}});
    dead_ = true;
    on.die(std::string(file) + ":" + std::to_string(where.line()) + ": Assertion failed: " + std::string(message));
}

void runtime::access_after_free(scope const& about, std::string_view operation) {
    trace().emit(kind::scope_access, about.id, {}, {{"operation", operation}, {"freed", true}});
    dead_ = true;
    on.die("heap-use-after-free (modelled): " + std::string(operation) + " touches scope " + about.name);
}

void runtime::reset() {
    for (std::size_t i = 0; i < coroutine_count_; ++i) {
        on.cancel(coroutines_[i]->alarm);
        on.withdraw(coroutines_[i]->asking);
        coroutines_[i]->reset();
    }
    scope_count_ = coroutine_count_ = 0;
    alive_ = 0;
    current_ = nullptr;
    shutting_down_ = had_uncaught_ = dead_ = false;
}

} // namespace shutdown_repro::server
