// Requests with a body, of which the server has a part when the stop comes.
#include "repro/scripts/late_clients.hpp"
#include "repro/scripts/script_tools.hpp"
#include "repro/scripts/scripts.hpp"

namespace shutdown_repro::repro {
namespace {

constexpr std::int64_t body_ms = 300; // time after the stop when the rest is sent

class upload : public probe_script {
public:
    void open(probe_run& run) override {
        for (std::uint32_t i = 0; i < run.connections(); ++i) begin(run);
    }
    bool in_place(probe_run& run) override { return enough(run) == run.clients().size(); }
    std::size_t enough(probe_run& run) override {
        return count(run, [&](probe_client& c) { return stands(run, c); });
    }
    std::string missing(probe_run& run) const override {
        std::string const status = status_in_words(run);
        return "no upload was under way, because " +
            (status.empty() ? "the server has not read half of one" : "it was answered" + status + " half-way");
    }
    void after(probe_run& run) override {
        late_.knock(run);
        for (auto const& c : run.clients())
            if (c->answered()) c->leave();
        if (completed_ || run.ms_since_stop() < body_ms) return;
        completed_ = true;
        for (auto const& c : run.clients()) c->process_events();
        for (auto const& c : run.clients()) {
            if (c->role() != role() || !c->waits()) continue;
            ++rests_;
            c->send_rest();
        }
    }
    std::string undone(probe_run&) const override {
        return rests_ ? "" : "the rest of no body was sent, because the server had answered or ended each request";
    }

protected:
    virtual std::string_view role() const { return "upload"; }
    virtual void begin(probe_run& run) { run.client(role()).send_half_body(run.request(run.plan().upload)); }
    virtual bool stands(probe_run& run, probe_client& c) {
        if (!c.sent() || !run.has_read(c)) return false;
        c.process_events();
        return c.waits();
    }

private:
    late_clients late_;
    bool completed_ = false;
    std::size_t rests_ = 0;
};

// The client asks by Expect: 100-continue whether it may send the body, and the server has said yes.
class expect final : public upload {
public:
    std::string missing(probe_run& run) const override {
        std::string const status = status_in_words(run);
        return "no client waited with its body, because the server " +
            (status.empty() ? "never sent 100 Continue" : "answered" + status + " instead of 100 Continue");
    }

private:
    std::string_view role() const override { return "expect"; }
    void begin(probe_run& run) override { run.client(role()).send_head(run.request(expecting(run.plan().upload))); }
    bool stands(probe_run&, probe_client& c) override { return c.waits() && c.got_interim(); }
};

} // namespace

target::http_request expecting(target::http_request r) {
    r.headers.emplace_back("Expect", "100-continue");
    return r;
}

std::unique_ptr<probe_script> make_upload() { return std::make_unique<upload>(); }
std::unique_ptr<probe_script> make_expect() { return std::make_unique<expect>(); }

} // namespace shutdown_repro::repro
