// conformance SYSTEM FILE.jsonl: runs every measured cell of the file in the simulated world and compares what the bundled
// server does with what the real one did. Prints "N of M cells agree" and each difference; exit status 1 if any.
#include "tests/conformance/conformance.hpp"
#include <fstream>
#include <iostream>

namespace {

using namespace shutdown_repro;
using conformance::differences;
using conformance::json;

int run_file(std::string const& path, differences (*compare)(json const&, repro::simulator&)) {
    std::ifstream in(path);
    if (!in) {
        std::cerr << "conformance: cannot read " << path << "\n";
        return 2;
    }
    int agree = 0, total = 0, advisory = 0;
    repro::simulator sim;
    for (std::string line; std::getline(in, line);) {
        if (line.empty()) continue;
        json const cell = json::parse(line);
        differences const d = compare(cell, sim);
        ++total;
        agree += d.counted.empty();
        advisory += d.counted.empty() && !d.advisory.empty();
        std::string const id = cell.at("id").is_string() ? cell.at("id").get<std::string>() : cell.at("id").dump();
        for (std::string const& s : d.counted) std::cout << "cell " << id << ": " << s << "\n";
        for (std::string const& s : d.advisory) std::cout << "cell " << id << " (advisory): " << s << "\n";
    }
    std::cout << agree << " of " << total << " cells agree";
    if (advisory) std::cout << ", " << advisory << " of them with advisory differences";
    std::cout << "\n";
    return agree == total && total > 0 ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
    std::string const system = argc == 3 ? argv[1] : "";
    if (system != "trueasync" && system != "mojolicious") {
        std::cerr << "usage: conformance trueasync|mojolicious FILE.jsonl\n";
        return 2;
    }
    try {
        return run_file(argv[2], system == "trueasync" ? conformance::compare_trueasync : conformance::compare_mojolicious);
    } catch (std::exception const& e) {
        std::cerr << "conformance: " << argv[2] << ": " << e.what() << "\n";
        return 2;
    }
}
