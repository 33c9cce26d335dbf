#include "repro/steer/cast.hpp"
#include <algorithm>

namespace shutdown_repro::repro::steer {

cast::cast(client_stage const& stage, target const& t, slow_backend* backend)
    : stage_(stage),
      target_(t),
      backend_(backend) {
    clients_.push_back(std::make_unique<probe_client>(stage_, 1, "in-flight"));
    clients_.push_back(std::make_unique<probe_client>(stage_, 2, "keepalive"));
}

std::uint32_t cast::client_at(std::uint16_t port) const {
    for (std::size_t i = 0; i < clients_.size(); ++i)
        if (clients_[i]->connected() && clients_[i]->local_port() == port) return static_cast<std::uint32_t>(i + 1);
    return 0;
}

probe_client const* cast::client(std::uint32_t number) const {
    return number >= 1 && number <= clients_.size() ? clients_[number - 1].get() : nullptr;
}

probe_request cast::slow_request() const {
    if (target_.slow.empty()) return request_of(target_.path);
    probe_request r = request_of(target_.slow);
    if (backend_ && target_.slow.path.starts_with("/slow")) r.expected = slow_backend::body_size;
    return r;
}

bool cast::next_is_due() const {
    switch (phase_) {
    case phase::connect: return true;
    case phase::ask: return std::ranges::all_of(clients_, [](auto const& c) { return c->connected() || c->over(); });
    case phase::ask_again: return !kept().waits();
    case phase::answer: return !kept().waits() && (!slow().waits() || (backend_ && backend_->held()));
    case phase::done: return !slow().waits() && !kept().waits();
    }
    return true;
}

std::string cast::next() const {
    switch (phase_) {
    case phase::connect: return "the clients connect";
    case phase::ask: return "the clients ask";
    case phase::ask_again: return "client:2 asks again";
    case phase::answer: return backend_ ? "the backend answers" : "the clients wait";
    case phase::done: break;
    }
    return {};
}

void cast::act(bool stopped) {
    switch (phase_) {
    case phase::connect:
        for (auto const& c : clients_) c->connect();
        phase_ = phase::ask;
        break;
    case phase::ask:
        slow().send(slow_request());
        kept().send(request_of(target_.path));
        phase_ = phase::ask_again;
        break;
    case phase::ask_again:
        if (!stopped && !kept().over() && !kept().waits()) kept().send(request_of(target_.path));
        phase_ = phase::answer;
        break;
    case phase::answer:
        if (backend_) backend_->release();
        phase_ = phase::done;
        break;
    case phase::done: break;
    }
}

std::vector<std::string> cast::possible_acts(bool stopped) const {
    std::vector<std::string> all;
    for (std::size_t i = 0; i < clients_.size(); ++i) {
        probe_client const& c = *clients_[i];
        std::string const name = "client:" + std::to_string(i + 1);
        bool const again = i == 1 && done_[i].asks == 1 && !stopped;
        if (!done_[i].connects) all.push_back(name + ".connects");
        else if (c.connected() && !c.over() && !c.waits() && (done_[i].asks == 0 || again))
            all.push_back(name + ".asks#" + std::to_string(done_[i].asks + 1));
    }
    if (backend_ && !backend_answers_ && backend_->held()) all.emplace_back("backend.answers");
    return all;
}

void cast::perform(std::string const& act) {
    if (act == "backend.answers") {
        backend_answers_ = true;
        return backend_->release();
    }
    std::size_t const i = act.starts_with("client:1") ? 0 : 1;
    if (act.ends_with(".connects")) {
        done_[i].connects = true;
        return clients_[i]->connect();
    }
    ++done_[i].asks;
    clients_[i]->send(i == 0 ? slow_request() : request_of(target_.path));
}

bool cast::anyone_waits() const {
    return std::ranges::any_of(clients_, [](auto const& c) { return c->waits(); });
}

bool cast::all_over() const {
    return std::ranges::all_of(clients_, [](auto const& c) { return c->over(); });
}

void cast::leave() {
    for (auto const& c : clients_)
        if (!c->waits()) c->leave();
}

void cast::give_up() {
    for (auto const& c : clients_) c->give_up();
}

std::string cast::why_unreadable() const {
    for (auto const& c : clients_)
        if (!c->unreadable().empty()) return c->unreadable();
    return {};
}

} // namespace shutdown_repro::repro::steer
