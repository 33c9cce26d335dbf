// Makes the scripts of the probes that have files of their own.
#pragma once
#include <memory>
#include "repro/probe/probe_run.hpp"

namespace shutdown_repro::repro {

std::unique_ptr<probe_script> make_in_flight();
std::unique_ptr<probe_script> make_wrong_signal();
std::unique_ptr<probe_script> make_second_signal();
std::unique_ptr<probe_script> make_kept();
std::unique_ptr<probe_script> make_second_request();
std::unique_ptr<probe_script> make_upload();
std::unique_ptr<probe_script> make_expect();
std::unique_ptr<probe_script> make_slow_reader();
std::unique_ptr<probe_script> make_overlap();
std::unique_ptr<probe_script> make_drain_delay();
std::unique_ptr<probe_script> make_answered();

target::http_request expecting(target::http_request); // the same request with Expect: 100-continue

} // namespace shutdown_repro::repro
