using System.Buffers;
using Granary.Core.Figures;
using Granary.Core.Grains;
using Granary.Gateway.Access;
using Granary.Gateway.Amqp;
using Granary.Gateway.Counting;
using Granary.Gateway.Policies;

namespace Granary.Gateway.Metrics;

/// <summary>What a scrape wants.</summary>
/// <param name="Prefix">Of all names.</param>
/// <param name="IsPerObject">A sample for each queue, channel and connection, and not their sums.</param>
/// <param name="Groups">RabbitMQ's families; null: all.</param>
/// <param name="Vhosts">Of queues; null: all.</param>
/// <param name="Endpoint">What RabbitMQ calls it.</param>
internal sealed record Scrape(string Prefix, bool IsPerObject, string Endpoint, IReadOnlySet<string>? Groups = null, IReadOnlySet<string>? Vhosts = null)
{
    public static readonly Scrape Sums = new("rabbitmq_", IsPerObject: false, "aggregated");

    public static readonly Scrape PerObject = new("rabbitmq_", IsPerObject: true, "per-object");

    /// <summary>Only those families that were asked for.</summary>
    public static Scrape Detailed(IEnumerable<string> families, IEnumerable<string> vhosts) => new(
        "rabbitmq_detailed_", IsPerObject: true, "detailed", families.ToHashSet(StringComparer.Ordinal), vhosts.ToHashSet(StringComparer.Ordinal) is { Count: > 0 } some ? some : null);

    /// <summary>Of what RabbitMQ does not have.</summary>
    public string OwnPrefix => Prefix.Replace("rabbitmq_", "granary_", StringComparison.Ordinal);

    public string NameOf<T>(Metric<T> metric) => (metric.IsOwn ? OwnPrefix : Prefix) + metric.Name;

    public bool Has(string group) => Groups is null || Groups.Contains(group);
}

/// <summary>
/// The figures of this process in Prometheus' text format, by RabbitMQ's names (prometheus_rabbitmq_core_metrics_collector). Each member tells what it has itself: a
/// cluster is scraped member by member. Why it is not OpenTelemetry's exporter that writes them: docs/decisions/0026.
/// </summary>
/// <param name="logins">Null where nobody logs in.</param>
/// <param name="published">Null where nobody publishes.</param>
internal sealed class MetricsPage(OwnFigures own, AmqpOptions options, ClusterName clusterName, IEnumerable<IMetricSource> sources, Logins? logins = null, PublishCounts? published = null)
{
    public async Task WriteAsync(IBufferWriter<byte> output, Scrape scrape, CancellationToken cancellation)
    {
        var figures = await own.TellAsync(
            FigureKinds.Node | FigureKinds.Queues | FigureKinds.Exchanges | FigureKinds.Connections | FigureKinds.Channels | FigureKinds.Consumers, null, cancellation).ConfigureAwait(false);
        var text = new MetricText(output);
        WriteIdentity(text, figures.Node!, scrape);
        if (scrape.Groups is null)
        {
            WriteTotals(text, figures);
            WriteGlobal(text, figures);
        }

        foreach (var metric in NodeMetrics.All.Where(metric => scrape.Has(metric.Group)))
        {
            text.Family(scrape.NameOf(metric), metric.Type, metric.Help);
            text.Sample([], metric.Value(figures.Node!));
        }

        WriteSources(text, scrape);
        WriteAttempts(text, scrape);
        WriteQueues(text, scrape, figures);
        WriteChannels(text, scrape, figures);
        WriteEach(text, scrape, ClientMetrics.Connections, figures.Connections, static connection => MetricText.Labels(("connection", connection.Name)));
        WriteExchanges(text, scrape, figures);
    }

    /// <summary>What the memory of the process is used for, as far as that is known: RabbitMQ's <c>/metrics/memory-breakdown</c>. Together they are what it has.</summary>
    public async Task WriteMemoryAsync(IBufferWriter<byte> output, CancellationToken cancellation)
    {
        var figures = await own.TellAsync(FigureKinds.Node | FigureKinds.Queues, null, cancellation).ConfigureAwait(false);
        var text = new MetricText(output);
        WriteIdentity(text, figures.Node!, new Scrape("rabbitmq_", IsPerObject: false, "memory-breakdown"));
        var heap = GC.GetGCMemoryInfo();
        var live = GC.GetTotalMemory(forceFullCollection: false);
        var queues = figures.Queues.Sum(static queue => Management.Queues.QueueMemory.Resting + queue.MemoryBytes);
        Write("classic_queue_erlang_process", "Queues of any type with their messages in memory", Math.Min(queues, live));
        Write("other_erlang_process", "What else is on the heap: connections, channels, exchanges, garbage that was not collected yet", Math.Max(live - queues, 0));
        Write("runtime_allocated_unused", "Heap that is committed and not used", Math.Max(heap.TotalCommittedBytes - live, 0));
        Write("other_system", "What is not on the heap: code, stacks, buffers of libraries", Math.Max(figures.Node!.MemoryUsed - Math.Max(heap.TotalCommittedBytes, live), 0));

        void Write(string name, string help, double value)
        {
            text.Family($"rabbitmq_memory_{name}_bytes", "gauge", help);
            text.Sample([], value);
        }
    }

    private void WriteIdentity(MetricText text, NodeFigure node, Scrape scrape)
    {
        text.Family("rabbitmq_build_info", "untyped", "RabbitMQ version, of which this broker has the behaviour, and what it runs on");
        text.Sample(MetricText.Labels(("rabbitmq_version", options.Version), ("product_name", options.Product), ("erlang_version", Environment.Version.ToString())), 1);
        text.Family("rabbitmq_identity_info", "untyped", "Node and cluster identity");
        text.Sample(MetricText.Labels(("rabbitmq_node", ClusterFigures.NamesOf([node])[0]), ("rabbitmq_cluster", clusterName.Current), ("rabbitmq_cluster_permanent_id", options.ClusterName), ("rabbitmq_endpoint", scrape.Endpoint)), 1);
    }

    private static void WriteTotals(MetricText text, MemberFigures figures)
    {
        Write("connections", "Connections currently open", figures.Connections.Length);
        Write("channels", "Channels currently open", figures.Channels.Length);
        Write("consumers", "Consumers currently connected", figures.Consumers.Length);
        Write("queues", "Queues available", figures.Queues.Length);

        void Write(string name, string help, double value)
        {
            text.Family($"rabbitmq_{name}", "gauge", help);
            text.Sample([], value);
        }
    }

    private void WriteGlobal(MetricText text, MemberFigures figures)
    {
        var node = figures.Node!;
        if (!node.HasClients)
        {
            return;
        }

        var (amqp, grpc) = (MetricText.Labels(("protocol", "amqp091")), MetricText.Labels(("protocol", "grpc")));
        foreach (var (name, of, help) in NodeMetrics.Global)
        {
            text.Family($"rabbitmq_{name}", "counter", help);
            text.Sample(amqp, of.Sum(what => node.Counts[(int)what] - node.GrpcCounts[(int)what]));
            text.Sample(grpc, of.Sum(what => node.GrpcCounts[(int)what]));
        }

        // What goes over gRPC is confirmed always.
        text.Family("rabbitmq_global_messages_received_confirm_total", "counter", "Total number of messages received from publishers expecting confirmations");
        text.Sample(amqp, published?.WithConfirm ?? 0);
        text.Sample(grpc, node.GrpcCounts[(int)Core.Counting.MessageEvent.Publish]);
        text.Family("rabbitmq_global_messages_routed_total", "counter", "Total number of messages routed to queues or streams");
        text.Sample(amqp, published?.Routed ?? 0);
        text.Family("rabbitmq_global_messages_unroutable_dropped_total", "counter", "Total number of messages published as non-mandatory into an exchange and dropped as unroutable");
        text.Sample(amqp, Math.Max(0, node.Unroutable - node.Counts[(int)Core.Counting.MessageEvent.ReturnUnroutable]));
        text.Family("rabbitmq_global_consumers", "gauge", "Number of consumers");
        text.Sample(amqp, figures.Consumers.Count(static consumer => !consumer.IsGrpc));
        text.Sample(grpc, figures.Consumers.Count(static consumer => consumer.IsGrpc));
        text.Family("rabbitmq_global_publishers", "gauge", "Channels that have published");
        text.Sample(amqp, figures.Channels.Count(static channel => !channel.IsGrpc && channel.Counts[(int)Core.Counting.MessageEvent.Publish] > 0));
        text.Sample(grpc, figures.Channels.Count(static channel => channel.IsGrpc && channel.Counts[(int)Core.Counting.MessageEvent.Publish] > 0));
    }

    private void WriteSources(MetricText text, Scrape scrape)
    {
        foreach (var metric in sources.SelectMany(static source => source.Metrics).Where(metric => scrape.Has(metric.Group)))
        {
            var name = (metric.IsRabbitMqs ? scrape.Prefix : scrape.OwnPrefix) + metric.Name;
            if (metric.Distribution is { } distribution)
            {
                text.Histogram(name, metric.Help, distribution, metric.Labels);
                continue;
            }

            text.Family(name, metric.IsCounter ? "counter" : "gauge", metric.Help);
            text.Sample(MetricText.Labels([.. metric.Labels]), metric.Value);
        }
    }

    private void WriteAttempts(MetricText text, Scrape scrape)
    {
        if (logins?.Attempts is not { } attempts || !scrape.Has("auth_attempt_metrics"))
        {
            return;
        }

        Write("auth_attempts_total", "Total number of authorization attempts", static count => count.Succeeded + count.Failed);
        Write("auth_attempts_succeeded_total", "Total number of successful authentication attempts", static count => count.Succeeded);
        Write("auth_attempts_failed_total", "Total number of failed authentication attempts", static count => count.Failed);

        void Write(string name, string help, Func<(long Succeeded, long Failed), long> which)
        {
            text.Family(scrape.Prefix + name, "counter", help);
            foreach (var (protocol, label) in new[] { (LoginProtocol.Amqp, "amqp091"), (LoginProtocol.Grpc, "grpc"), (LoginProtocol.Http, "http") })
            {
                text.Sample(MetricText.Labels(("protocol", label)), which(attempts[protocol]));
            }
        }
    }

    private static void WriteQueues(MetricText text, Scrape scrape, MemberFigures figures)
    {
        if (!figures.Node!.HasQueues)
        {
            return;
        }

        if (scrape.Groups is null)
        {
            foreach (var (name, count, help) in QueueMetrics.DeadLettered)
            {
                text.Family($"rabbitmq_global_messages_dead_lettered_{name}_total", "counter", help);
                text.Sample([], figures.Node.QueueCounts[(int)count]);
            }
        }

        var metrics = QueueMetrics.All.Where(metric => scrape.Has(metric.Group)).ToArray();
        if (!scrape.IsPerObject)
        {
            foreach (var metric in metrics)
            {
                text.Family(scrape.NameOf(metric), metric.Type, metric.Help);
                text.Sample([], QueueMetrics.SumOf(metric.Name) is { } count ? figures.Node.QueueCounts[(int)count]
                    : metric.IsLargest ? figures.Queues.Select(metric.Value).DefaultIfEmpty().Max()
                    : figures.Queues.Sum(metric.Value));
            }

            return;
        }

        var queues = figures.Queues.Select(queue => (Queue: queue, Name: GrainKeys.Parse(queue.Key)))
            .Where(queue => scrape.Vhosts is null || scrape.Vhosts.Contains(queue.Name.Vhost))
            .Select(queue => (queue.Queue, Labels: MetricText.Labels(("vhost", queue.Name.Vhost), ("queue", queue.Name.Name)))).ToArray();
        foreach (var metric in metrics)
        {
            text.Family(scrape.NameOf(metric), metric.Type, metric.Help);
            foreach (var (queue, labels) in queues)
            {
                text.Sample(labels, metric.Value(queue));
            }
        }
    }

    private static void WriteChannels(MetricText text, Scrape scrape, MemberFigures figures)
    {
        if (scrape.IsPerObject)
        {
            WriteEach(text, scrape, ClientMetrics.Channels, figures.Channels, static channel => MetricText.Labels(("channel", channel.Name), ("vhost", channel.Vhost)));
        }
        else if (figures.Node!.HasClients)
        {
            // Those of channels that are closed included: what is counted only rises.
            var counted = ClientMetrics.Counted.ToDictionary(count => count.Name, count => count.What, StringComparer.Ordinal);
            foreach (var metric in ClientMetrics.Channels)
            {
                text.Family(scrape.NameOf(metric), metric.Type, metric.Help);
                text.Sample([], counted.TryGetValue(metric.Name, out var what) ? figures.Node.Counts[(int)what] : figures.Channels.Sum(metric.Value));
            }
        }
    }

    private static void WriteEach<T>(MetricText text, Scrape scrape, Metric<T>[] metrics, T[] all, Func<T, byte[]> labelsOf)
    {
        var labels = scrape.IsPerObject ? Array.ConvertAll(all, one => labelsOf(one)) : [];
        foreach (var metric in metrics.Where(metric => scrape.Has(metric.Group)))
        {
            text.Family(scrape.NameOf(metric), metric.Type, metric.Help);
            if (!scrape.IsPerObject)
            {
                text.Sample([], all.Sum(metric.Value));
                continue;
            }

            for (var i = 0; i < all.Length; i++)
            {
                text.Sample(labels[i], metric.Value(all[i]));
            }
        }
    }

    private static void WriteExchanges(MetricText text, Scrape scrape, MemberFigures figures)
    {
        if (!scrape.IsPerObject || !scrape.Has("exchange_metrics"))
        {
            return;
        }

        text.Family($"{scrape.Prefix}exchange_messages_published_total", "counter", "Total number of messages published into an exchange");
        foreach (var exchange in figures.Publishes)
        {
            text.Sample(MetricText.Labels(("vhost", exchange.Vhost), ("exchange", exchange.Exchange)), exchange.In);
        }
    }
}
