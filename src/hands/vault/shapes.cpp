#include "shapes.hpp"

#include <array>

namespace librebird::vault {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_alnum(char c) { return is_digit(c) || is_upper(c) || is_lower(c); }

using enum CharClass;
// The longer prefix first where one begins another.
constexpr std::array kShapes = std::to_array<Shape>({
    {"aws_access_key_id", "AKIA", upper_digit, 16, 16},
    {"aws_access_key_id", "ASIA", upper_digit, 16, 16},
    {"github_token", "github_pat_", word, 40},
    {"github_token", "ghp_", alnum, 36},
    {"github_token", "gho_", alnum, 36},
    {"github_token", "ghu_", alnum, 36},
    {"github_token", "ghs_", alnum, 36},
    {"github_token", "ghr_", alnum, 36},
    {"gitlab_token", "glpat-", word, 20},
    {"slack_token", "xoxb-", word, 20},
    {"slack_token", "xoxp-", word, 20},
    {"slack_token", "xoxa-", word, 20},
    {"slack_token", "xoxr-", word, 20},
    {"slack_token", "xoxs-", word, 20},
    {"slack_token", "xoxe-", word, 20},
    {"slack_token", "xoxe.xoxb-", word, 20},
    {"slack_token", "xoxe.xoxp-", word, 20},
    {"slack_token", "xapp-", word, 20},
    {"slack_webhook", "hooks.slack.com/services/", path, 24},
    {"anthropic_key", "sk-ant-", word, 20},
    {"openrouter_key", "sk-or-v1-", hex, 40},
    {"openai_key", "sk-proj-", word, 20},
    {"openai_key", "sk-svcacct-", word, 20},
    {"openai_key", "sk-admin-", word, 20},
    {"openai_key", "sk-", alnum, 20},
    {"stripe_key", "sk_live_", alnum, 16},
    {"stripe_key", "sk_test_", alnum, 16},
    {"stripe_key", "rk_live_", alnum, 16},
    {"stripe_key", "rk_test_", alnum, 16},
    {"stripe_webhook_secret", "whsec_", alnum, 24},
    {"google_api_key", "AIza", word, 35, 35},
    {"google_oauth_token", "ya29.", word_dot, 20},
    {"google_oauth_secret", "GOCSPX-", word, 24},
    {"google_refresh_token", "1//0", word, 30},
    {"huggingface_token", "hf_", alnum, 30},
    {"groq_key", "gsk_", alnum, 40},
    {"replicate_token", "r8_", alnum, 30},
    {"xai_key", "xai-", alnum, 60},
    {"perplexity_key", "pplx-", alnum, 40},
    {"npm_token", "npm_", alnum, 36},
    {"pypi_token", "pypi-AgE", word, 50},
    {"docker_token", "dckr_pat_", word, 20},
    {"digitalocean_token", "dop_v1_", hex, 64},
    {"sendgrid_key", "SG.", word_dot, 60},
    {"twilio_key", "SK", hex, 32, 32},
    {"mailgun_key", "key-", hex, 32, 32},
    {"telegram_bot_token", ":AA", word, 33, 33, true},
    {"azure_storage_key", "AccountKey=", base64, 40},
    {"age_secret_key", "AGE-SECRET-KEY-1", upper_digit, 50},
    {"librebird_api_key", "lb_", word, 43, 43},
});

}  // namespace

bool is_in(CharClass set, char c) {
  switch (set) {
    case upper_digit: return is_upper(c) || is_digit(c);
    case alnum: return is_alnum(c);
    case word: return is_alnum(c) || c == '_' || c == '-';
    case word_dot: return is_alnum(c) || c == '_' || c == '-' || c == '.';
    case hex: return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    case base64: return is_alnum(c) || c == '+' || c == '/' || c == '=';
    case path: return is_alnum(c) || c == '/' || c == '_' || c == '-';
  }
  return false;
}

std::span<const Shape> token_shapes() { return kShapes; }

}  // namespace librebird::vault
