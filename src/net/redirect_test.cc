#include "net/redirect.h"

#include <gtest/gtest.h>

namespace perdure::net {
namespace {

TEST(Redirect, NeverStepsDownOrLeavesHttp) {
  const Origin http{"http", "a.example", 80};
  const Origin https{"https", "a.example", 443};
  EXPECT_TRUE(check_redirect(http, http));
  EXPECT_TRUE(check_redirect(http, https));
  EXPECT_TRUE(check_redirect(https, Origin{"https", "b.example", 443}));
  EXPECT_FALSE(check_redirect(https, http));
  for (const char* scheme : {"file", "ftp", "gopher", "dict", ""}) {
    EXPECT_FALSE(check_redirect(http, Origin{scheme, "a.example", 80})) << scheme;
  }
}

TEST(Redirect, TurnsTheMethodAsBrowsersDo) {
  struct Case {
    int status;
    const char* method;
    const char* after;
  };
  for (const Case& c :
       {Case{301, "POST", "GET"}, Case{302, "POST", "GET"}, Case{303, "POST", "GET"}, Case{303, "PUT", "GET"},
        Case{303, "HEAD", "HEAD"}, Case{301, "PUT", "PUT"}, Case{302, "DELETE", "DELETE"}, Case{307, "POST", "POST"},
        Case{308, "PATCH", "PATCH"}, Case{301, "GET", "GET"}}) {
    EXPECT_EQ(method_after_redirect(c.status, c.method), c.after) << c.status << c.method;
  }
  for (int status : {200, 300, 304, 305, 306, 404}) EXPECT_FALSE(is_redirect(status)) << status;
  for (int status : {301, 302, 303, 307, 308}) EXPECT_TRUE(is_redirect(status)) << status;
}

TEST(Redirect, KnowsHeadersThatCarrySecrets) {
  for (const char* name : {"Authorization", "cookie", "X-Api-Key", "PRIVATE-TOKEN", "x-amz-security-token",
                           "Proxy-Authorization", "X-Hub-Signature-256"}) {
    EXPECT_TRUE(carries_credentials(name)) << name;
  }
  for (const char* name : {"Accept", "Content-Type", "Idempotency-Key", "traceparent", "User-Agent", "X-Request-Id"}) {
    EXPECT_FALSE(carries_credentials(name)) << name;
  }
}

}  // namespace
}  // namespace perdure::net
