// conformance SYSTEM FILE.jsonl [--live [ID…]]: runs every measured cell of the file, or those named, in the simulated
// or the live world and compares what the bundled server does with what the real one did. Prints "N of M cells agree"
// and each difference; exit status 1 if any.
#include "tests/conformance/conformance.hpp"
#include <fstream>
#include <functional>
#include <iostream>
#include <set>

namespace {

using namespace shutdown_repro;
using conformance::differences;
using conformance::json;

using comparison = std::function<differences(json const&)>;

std::string id_of(json const& cell) {
    return cell.at("id").is_string() ? cell.at("id").get<std::string>() : cell.at("id").dump();
}

int run_file(std::string const& path, std::set<std::string> wanted, comparison const& compare) {
    bool const all = wanted.empty();
    std::ifstream in(path);
    if (!in) {
        std::cerr << "conformance: cannot read " << path << "\n";
        return 2;
    }
    int agree = 0, total = 0, advisory = 0;
    for (std::string line; std::getline(in, line);) {
        if (line.empty()) continue;
        json const cell = json::parse(line);
        std::string const id = id_of(cell);
        if (!wanted.erase(id) && !all) continue;
        differences const d = compare(cell);
        ++total;
        agree += d.counted.empty();
        advisory += d.counted.empty() && !d.advisory.empty();
        for (std::string const& s : d.counted) std::cout << "cell " << id << ": " << s << "\n";
        for (std::string const& s : d.advisory) std::cout << "cell " << id << " (advisory): " << s << "\n";
    }
    for (std::string const& id : wanted) std::cout << "cell " << id << ": is not in " << path << "\n";
    std::cout << agree << " of " << total << " cells agree";
    if (advisory) std::cout << ", " << advisory << " of them with advisory differences";
    std::cout << "\n";
    return agree == total && total > 0 && wanted.empty() ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
    std::vector<std::string> const given(argv + 1, argv + argc);
    bool const live = given.size() > 2 && given[0] == "mojolicious" && given[2] == "--live";
    if ((given.size() != 2 && !live) || (given[0] != "trueasync" && given[0] != "mojolicious")) {
        std::cerr << "usage: conformance trueasync|mojolicious FILE.jsonl\n       conformance mojolicious FILE.jsonl "
                     "--live [ID...]\n";
        return 2;
    }
    repro::simulator sim;
    auto const in_sim = given[0] == "trueasync" ? conformance::compare_trueasync : conformance::compare_mojolicious;
    try {
        if (live) return run_file(given[1], {given.begin() + 3, given.end()}, conformance::compare_mojolicious_live);
        return run_file(given[1], {}, [&](json const& cell) { return in_sim(cell, sim); });
    } catch (std::exception const& e) {
        std::cerr << "conformance: " << given[1] << ": " << e.what() << "\n";
        return 2;
    }
}
