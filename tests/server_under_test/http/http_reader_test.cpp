#include "server_under_test/http/http_reader.hpp"
#include "tests/catch.hpp"

using namespace shutdown_repro::server::http;

namespace {

struct reading {
    parse state;
    int status;
    std::uint64_t body, digest, bytes;
    std::uint32_t interim;
    std::string trouble;
    friend bool operator==(reading const&, reading const&) = default;
};

reading read_in_parts(std::string_view text, std::size_t part, bool ends = false) {
    response_reader r;
    for (std::size_t at = 0; at < text.size(); at += part) r.feed(text.substr(at, part));
    if (ends) r.end_of_stream();
    return {r.state(), r.status(), r.body(), r.digest(), r.bytes(), r.interim(), r.trouble()};
}

reading read(std::string_view text, bool ends = false) { return read_in_parts(text, text.size(), ends); }

std::string const interim = "HTTP/1.1 103 Early Hints\r\nLink: </x.css>\r\n\r\n";
std::string const final_one = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

} // namespace

TEST_CASE("interim responses are skipped and counted, and are no answer") {
    CHECK(read(interim).state == parse::need_more);
    CHECK(read(interim).bytes == 0);
    reading const r = read(interim + interim + final_one);
    CHECK(r.state == parse::complete);
    CHECK(r.status == 200);
    CHECK(r.interim == 2);
    CHECK(r.bytes == final_one.size());
    CHECK(read("HTTP/1.1 101 Switching Protocols\r\n\r\n").state == parse::complete);
    CHECK(parse_response(interim).state == parse::need_more);
    CHECK(parse_response(interim + final_one).consumed == interim.size() + final_one.size());
}

TEST_CASE("a response is read alike in parts of every size") {
    std::string const chunked = "HTTP/1.1 200\nTransfer-Encoding : chunked\nX-\xc3\x84: 1\r\n 2\nY: 3\n\n"
                                "3\r\nabc\r\n0\r\nTrailer: 1\r\n\r\n";
    std::vector<std::string> const texts{interim + final_one, chunked, "HTTP/1.1 204\r\n\r\n", "SSH-2.0-x\r\n",
        "HTTP/1.1 200 OK\r\nnothing\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n"};
    for (std::string const& text : texts) {
        reading const whole = read(text);
        INFO(text);
        CHECK(whole.state != parse::need_more);
        for (std::size_t part = 1; part < text.size(); ++part) {
            reading const parts = read_in_parts(text, part);
            CHECK(parts.state == whole.state);
            CHECK(parts.trouble == whole.trouble);
            if (whole.state == parse::complete) CHECK(parts == whole);
        }
    }
}

TEST_CASE("a response of HTTP/1.0 ends with its connection, unless it has a length") {
    std::string const unframed = "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nbody";
    CHECK(read(unframed).state == parse::need_more);
    CHECK(read(unframed, true).state == parse::complete);
    CHECK(read(unframed, true).body == 4);
    response_reader r;
    r.feed("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok");
    CHECK(r.state() == parse::complete);
    CHECK(r.framed());
    CHECK(r.close()); // without Connection: keep-alive
}

TEST_CASE("chunks may be followed by trailers, which are no part of the body") {
    std::string const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Digest\r\n\r\n";
    CHECK(read(head + "3\r\nabc\r\n0\r\n").state == parse::need_more);
    reading const r = read(head + "3\r\nabc\r\n0\r\nDigest: x\r\nMore: y\r\n\r\n");
    CHECK(r.state == parse::complete);
    CHECK(r.body == 3);
    CHECK(r.digest == read(head + "3\r\nabc\r\n0\r\n\r\n").digest);
}

TEST_CASE("a head has at most 256 KiB, and what can't be read is named") {
    auto const with_field = [](std::size_t size) {
        return "HTTP/1.1 200 OK\r\nX: " + std::string(size, 'a') + "\r\nContent-Length: 0\r\n\r\n";
    };
    CHECK(read(with_field(250 * 1024)).state == parse::complete);
    CHECK(read(with_field(257 * 1024)).trouble == "its head is longer than 256 KiB");
    CHECK(read("HTTP/1.1 2x0 OK\r\n\r\n").trouble == "its status line is not valid");
    CHECK(read("\x15\x03\x01").trouble == "it is not HTTP/1");
    CHECK_THAT(
        read("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n").trouble, ContainsSubstring("its head can't be read"));
}

TEST_CASE("bodies of equal length with different bytes have different digests") {
    std::string const head = "HTTP/1.1 200 OK\r\n\r\n";
    CHECK(read(head + "ab", true).digest != read(head + "ba", true).digest);
    CHECK(read(head + "ab", true).state == parse::complete);
}
