// Requests in flight: the part that several probes have in common.
#pragma once
#include <cstdint>
#include <string>
#include "repro/probe/probe_run.hpp"
#include "repro/scripts/late_clients.hpp"

namespace shutdown_repro::repro {

// Slow requests, and slow responses of which the beginning has arrived. They are completed a little after the stop.
class in_flight : public probe_script {
public:
    explicit in_flight(bool others_knock = true) : others_knock_(others_knock) {}
    void open(probe_run&) override;
    bool in_place(probe_run& run) override { return held(run) == run.clients().size(); }
    std::size_t enough(probe_run& run) override { return held(run); }
    std::string missing(probe_run&) const override;
    void after(probe_run&) override;

protected:
    virtual void answered(probe_run&, probe_client& c) { c.leave(); } // kept connections are tested by other probes

private:
    static std::size_t held(probe_run&);

    bool const others_knock_;
    bool released_ = false;
    late_clients late_;
};

} // namespace shutdown_repro::repro
