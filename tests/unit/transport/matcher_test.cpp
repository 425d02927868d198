#include "transport/matcher.hpp"

#include <gtest/gtest.h>

namespace coll {

namespace {

std::vector<std::byte> numbers(size_t count, int first) {
  std::vector<std::byte> all(count);
  for (size_t i = 0; i < count; ++i) all[i] = static_cast<std::byte>(first + static_cast<int>(i));
  return all;
}

TEST(Matcher, WaitsOnlyForWhatIsPosted) {
  Matcher matcher(2);
  std::vector<std::byte> buffer(4);
  Request request;
  EXPECT_FALSE(matcher.waiting(1));
  matcher.post(1, 5, buffer, &request);
  EXPECT_TRUE(matcher.waiting(1));
  EXPECT_FALSE(matcher.waiting(0));
  matcher.begin(1, 5, 4);
  matcher.feed(1, numbers(4, 0));
  EXPECT_TRUE(request.done);
  EXPECT_FALSE(matcher.waiting(1));
}

TEST(Matcher, ReceiveTakesOverAMessageThatIsComingIn) {
  Matcher matcher(1);
  const auto message = numbers(10, 1);
  std::vector<std::byte> buffer(7);  // and it is too small
  Request request;
  matcher.begin(0, 3, 10);
  matcher.feed(0, std::span(message).first(4));
  EXPECT_FALSE(matcher.waiting(0));
  matcher.post(0, 3, buffer, &request);
  EXPECT_TRUE(matcher.waiting(0));
  EXPECT_EQ(matcher.missing_bytes(0), 6u);
  matcher.feed(0, std::span(message).subspan(4));
  EXPECT_TRUE(request.done);
  EXPECT_TRUE(request.truncated);
  EXPECT_EQ(request.bytes, 7u);
  EXPECT_EQ(buffer, numbers(7, 1));
}

TEST(Matcher, WholeMessagesGoStraightToTheirReceive) {
  Matcher matcher(1);
  std::vector<std::byte> buffer(3);
  Request request;
  EXPECT_FALSE(matcher.deliver(0, 3, numbers(4, 1))) << "nobody has posted for it";
  matcher.post(0, 3, buffer, &request);
  EXPECT_FALSE(matcher.deliver(0, 2, numbers(4, 1)));
  EXPECT_TRUE(matcher.deliver(0, 3, numbers(4, 1)));
  EXPECT_TRUE(request.done);
  EXPECT_TRUE(request.truncated);
  EXPECT_EQ(buffer, numbers(3, 1));
  EXPECT_FALSE(matcher.waiting(0));
}

TEST(Matcher, OldestOfATagComesFirst) {
  Matcher matcher(1);
  for (int i = 0; i < 3; ++i) {
    matcher.begin(0, 3, 1);
    matcher.feed(0, numbers(1, i));
  }
  for (int i = 0; i < 3; ++i) {
    std::vector<std::byte> buffer(1);
    Request request;
    matcher.post(0, 3, buffer, &request);
    EXPECT_TRUE(request.done);
    EXPECT_EQ(buffer, numbers(1, i));
  }
}

TEST(Matcher, ClearForgetsRequests) {
  Matcher matcher(1);
  std::vector<std::byte> buffer(1);
  Request request;
  matcher.post(0, 3, buffer, &request);
  matcher.clear();
  matcher.begin(0, 3, 1);
  matcher.feed(0, numbers(1, 9));
  EXPECT_FALSE(request.done);
  EXPECT_EQ(buffer[0], std::byte{0});
}

}  // namespace

}  // namespace coll
