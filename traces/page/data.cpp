// The data of the script: the place of each event, the actors that it concerns, its causes and its details.
// {"unit":6,"top":58,"row":26,"ids":["server:1",…],"lanes":[[0],…],"events":[[lane,actor's
// lane,[ids],[causes],["key","value",…]],…]} Lanes list their ids by index; -1 is no lane.
#include <algorithm>
#include <map>
#include "traces/page/html_text.hpp"
#include "traces/page/parts.hpp"
#include "traces/phrases/phrase.hpp"

namespace shutdown_repro::traces {
namespace {

class id_table {
public:
    std::size_t operator[](ref id) {
        auto const [at, fresh] = index_.try_emplace(id, index_.size());
        if (fresh)
            list_ +=
                (list_.empty() ? "\"" : ",\"") + to_string(id) + "\""; // needs no escape: letters, digits and a colon
        return at->second;
    }
    std::string const& list() const { return list_; }

private:
    std::map<ref, std::size_t> index_;
    std::string list_;
};

template <class T> std::string list_of(std::vector<T> const& numbers) {
    std::string out = "[";
    for (T n : numbers) out += (out.size() > 1 ? "," : "") + std::to_string(n);
    return out + "]";
}

std::vector<std::size_t> concerned(event const& e, id_table& ids) {
    std::vector<std::size_t> all;
    auto const add = [&](ref id) {
        if (!id) return;
        std::size_t const n = ids[id];
        if (std::find(all.begin(), all.end(), n) == all.end()) all.push_back(n);
    };
    add(e.id); // first, because a click on the event follows this actor
    add(e.by);
    add(e.parent);
    for (field const& f : e.detail) {
        if (f.val.is == value::type::id) add(f.val.id);
        if (f.val.is == value::type::ids)
            for (ref r : f.val.ids) add(r);
    }
    return all;
}

std::string details(event const& e) {
    std::string out = "[";
    for (field const& f : e.detail)
        out += (out.size() > 1 ? "," : "") + script_text(f.key) + "," + script_text(in_words(f.val));
    return out + "]";
}

std::string lane_number(html_view const& v, ref id) {
    std::size_t const lane = v.lane_of(id);
    return lane == html_view::none ? "-1" : std::to_string(lane);
}

} // namespace

std::string html_data(html_view const& v, html_scale s) {
    id_table ids;
    std::string events, lanes;
    for (html_lane const& lane : v.lanes()) {
        std::vector<std::size_t> who;
        for (actor const& m : lane.actors) who.push_back(ids[m.id]);
        lanes += (lanes.empty() ? "" : ",") + list_of(who);
    }
    for (event const& e : v.events()) {
        std::vector<std::size_t> causes;
        for (seq_t why : e.because)
            if (std::size_t const cause = v.index_of(why); cause != html_view::none) causes.push_back(cause);
        events += (events.empty() ? "[" : ",\n[") + lane_number(v, e.id) + "," + lane_number(v, e.by) + "," +
            list_of(concerned(e, ids)) + "," + list_of(causes) + "," + details(e) + "]";
    }
    return "{\"unit\":" + std::to_string(s.unit) + ",\"top\":" + std::to_string(html_scale::top) +
        ",\"row\":" + std::to_string(html_scale::row) + ",\"ids\":[" + ids.list() + "],\"lanes\":[" + lanes +
        "],\n\"events\":[" + events + "]}";
}

} // namespace shutdown_repro::traces
