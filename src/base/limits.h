#pragma once
// Every limit of the engine, with its unit. Configuration may lower or raise those that say so; nothing is unbounded.
#include <cstddef>
#include <cstdint>

namespace perdure {

// Values: nesting of a JSON document or of anything an expression builds; all recursion over values relies on it
inline constexpr std::size_t k_json_depth_max = 512;

// Files (loaders; configurable)
inline constexpr std::size_t k_file_bytes_max = std::size_t{16} << 20;
inline constexpr std::size_t k_yaml_depth_max = 64;
inline constexpr std::size_t k_yaml_nodes_max = 2'000'000;
inline constexpr std::size_t k_yaml_alias_nodes_max = 10'000;
inline constexpr std::size_t k_plan_steps_max = 200'000;

// Expressions: steps of the evaluator, bytes of values alive, nesting
inline constexpr std::uint64_t k_expr_fuel_max = 1'000'000;
inline constexpr std::size_t k_expr_memory_bytes_max = std::size_t{16} << 20;
inline constexpr std::size_t k_expr_depth_max = 256;

// Runs
inline constexpr std::size_t k_id_bytes_max = 255;  // run id, workflow and step names
inline constexpr std::uint32_t k_loop_iterations_default = 10'000;
inline constexpr std::uint32_t k_foreach_items_max = 1'000'000;
inline constexpr std::uint32_t k_decision_events_soft = 50'000;             // then the decision is cut and goes on anew
inline constexpr std::size_t k_decision_bytes_soft = std::size_t{4} << 20;  // of its payloads; likewise
inline constexpr std::size_t k_snapshot_bytes_max = std::size_t{16} << 20;  // a larger state is read from its history
inline constexpr std::uint32_t k_lost_attempts_max = 10;                    // of one activity, by crashes of the engine
inline constexpr std::size_t k_subflow_depth_max = 32;
inline constexpr std::size_t k_payload_inline_bytes_max = std::size_t{64} << 10;  // above: a blob
inline constexpr std::size_t k_payload_bytes_max = std::size_t{64} << 20;
inline constexpr std::size_t k_signals_buffered_max = 10'000;  // early signals waiting in a run
inline constexpr std::size_t k_recent_keys_max = 1024;         // signal keys and update ids a run knows again
inline constexpr std::size_t k_update_answers_bytes_max = std::size_t{1} << 20;  // of a run, the newest kept whatever

// Activities
inline constexpr std::size_t k_output_bytes_max = std::size_t{8} << 20;  // of a shell step, each stream
inline constexpr std::size_t k_http_body_bytes_max = std::size_t{32} << 20;
inline constexpr std::size_t k_openapi_document_bytes_max = std::size_t{10} << 20;
inline constexpr std::size_t k_openapi_cache_bytes_max = std::size_t{64} << 20;  // of documents, as values
inline constexpr std::size_t k_openapi_cache_max = 64;
inline constexpr std::size_t k_openapi_parameters_max = 500;  // of an operation
inline constexpr std::size_t k_proto_file_bytes_max = std::size_t{1} << 20;
inline constexpr std::size_t k_proto_files_max = 64;  // a service's .proto with all that it imports
inline constexpr std::size_t k_proto_cache_max = 64;
inline constexpr std::size_t k_subscriptions_max = 1000;     // connections held between two messages
inline constexpr std::size_t k_messages_waiting_max = 1000;  // of a subscription, read and not taken yet
inline constexpr std::size_t k_message_bytes_max = std::size_t{8} << 20;

}  // namespace perdure
