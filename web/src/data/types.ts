/** Objects of the management API, as far as the page looks at them. */
export interface Details {
  rate: number;
}

export type Table = Record<string, unknown>;

export interface MessageStats {
  publish?: number;
  publish_in?: number;
  publish_out?: number;
  confirm?: number;
  deliver?: number;
  deliver_no_ack?: number;
  deliver_get?: number;
  get?: number;
  get_no_ack?: number;
  get_empty?: number;
  redeliver?: number;
  ack?: number;
  return_unroutable?: number;
  drop_unroutable?: number;
  publish_details?: Details;
  publish_in_details?: Details;
  publish_out_details?: Details;
  confirm_details?: Details;
  deliver_get_details?: Details;
  redeliver_details?: Details;
  ack_details?: Details;
  return_unroutable_details?: Details;
}

export interface Overview {
  cluster_name: string;
  rabbitmq_version: string;
  product_name: string;
  product_version: string;
  erlang_full_version: string;
  node: string;
  message_stats?: MessageStats;
  queue_totals: Record<string, number> & { messages_details?: Details; messages_ready_details?: Details; messages_unacknowledged_details?: Details };
  object_totals: { channels: number; connections: number; consumers: number; exchanges: number; queues: number };
  churn_rates: Record<string, number>;
  exchange_types: { name: string; description: string; enabled: boolean }[];
  listeners?: { node: string; protocol: string; ip_address: string; port: number }[];
}

export interface Node {
  name: string;
  running: boolean;
  uptime: number;
  processors: number;
  run_queue: number;
  mem_used: number;
  mem_limit: number;
  mem_alarm: boolean;
  disk_free: number;
  disk_free_limit: number;
  disk_free_alarm: boolean;
  fd_used: number;
  fd_total: number;
  sockets_used: number;
  sockets_total: number;
  proc_used: number;
  proc_total: number;
  os_pid: string;
  gc_num: number;
  gc_bytes_reclaimed: number;
  enabled_plugins: string[];
  being_drained: boolean;
}

export interface Queue {
  name: string;
  vhost: string;
  type: string;
  durable: boolean;
  auto_delete: boolean;
  exclusive: boolean;
  arguments: Table;
  node: string;
  state: string;
  messages: number;
  messages_ready: number;
  messages_unacknowledged: number;
  messages_details?: Details;
  messages_ready_details?: Details;
  messages_unacknowledged_details?: Details;
  message_bytes: number;
  message_bytes_ram: number;
  message_bytes_paged_out: number;
  memory: number;
  consumers: number;
  consumer_utilisation: number;
  policy: string | null;
  operator_policy: string | null;
  effective_policy_definition?: Table;
  head_message_timestamp: number | null;
  /** Milliseconds; absent where there is none. */
  oldest_ready_age?: number;
  oldest_unacknowledged_age?: number;
  idle_since?: string;
  message_stats?: MessageStats;
  delivery_limit?: number | string;
  consumer_details?: Consumer[];
}

export interface Consumer {
  consumer_tag: string;
  queue: { name: string; vhost: string };
  channel_details: { name: string; number: number; user: string; connection_name: string; peer_host: string; peer_port: number };
  ack_required: boolean;
  exclusive: boolean;
  prefetch_count: number;
  active: boolean;
  activity_status: string;
  arguments: Table;
}

export interface Exchange {
  name: string;
  vhost: string;
  type: string;
  durable: boolean;
  auto_delete: boolean;
  internal: boolean;
  arguments: Table;
  policy: string | null;
  message_stats?: MessageStats;
}

export interface Binding {
  source: string;
  vhost: string;
  destination: string;
  destination_type: 'queue' | 'exchange';
  routing_key: string;
  arguments: Table;
  properties_key: string;
}

export interface Connection {
  name: string;
  user_provided_name: string | null;
  node: string;
  user: string;
  vhost: string;
  protocol: string;
  state: string;
  host: string;
  port: number;
  peer_host: string;
  peer_port: number;
  channels: number;
  channel_max: number;
  frame_max: number;
  timeout: number;
  auth_mechanism: string;
  ssl: boolean;
  ssl_protocol: string | null;
  ssl_cipher: string | null;
  peer_cert_subject: string | null;
  connected_at: number;
  client_properties: Table;
  recv_oct: number;
  recv_oct_details?: Details;
  send_oct: number;
  send_oct_details?: Details;
  send_pend: number;
}

export interface Channel {
  name: string;
  number: number;
  node: string;
  user: string;
  vhost: string;
  state: string;
  confirm: boolean;
  transactional: boolean;
  consumer_count: number;
  messages_unacknowledged: number;
  messages_unconfirmed: number;
  prefetch_count: number;
  global_prefetch_count: number;
  connection_details: { name: string; peer_host: string; peer_port: number };
  idle_since?: string;
  message_stats?: MessageStats;
  consumer_details?: Consumer[];
}

export interface User {
  name: string;
  tags: string[];
  password_hash?: string;
  limits: Record<string, number>;
}

export interface Permission {
  user: string;
  vhost: string;
  configure: string;
  write: string;
  read: string;
}

export interface TopicPermission {
  user: string;
  vhost: string;
  exchange: string;
  write: string;
  read: string;
}

export interface Vhost {
  name: string;
  description?: string;
  tags?: string[];
  default_queue_type?: string;
  protected_from_deletion?: boolean;
  messages?: number;
  messages_ready?: number;
  messages_unacknowledged?: number;
}

export interface Policy {
  vhost: string;
  name: string;
  pattern: string;
  'apply-to': string;
  definition: Table;
  priority: number;
}

export interface Message {
  payload_bytes: number;
  redelivered: boolean;
  exchange: string;
  routing_key: string;
  message_count: number;
  properties: Table & { headers?: Table };
  payload: string;
  payload_encoding: string;
}

export interface Page<T> {
  items: T[];
  page: number;
  page_count: number;
  page_size: number;
  total_count: number;
  filtered_count: number;
}
