using System.Diagnostics;
using System.Net;
using Granary.Gateway.Tests.Management;
using Granary.Testing.Brokers;
using Granary.Testing.Wire;

namespace Granary.Gateway.Tests.Metrics;

/// <summary>What a scrape gets.</summary>
[WatchedBroker]
public sealed class MetricsTests(ApiBroker broker) : IClassFixture<ApiBroker>
{
    [Fact]
    public async Task Scrape_OfSums_HasRabbitMqsNames()
    {
        var text = await ScrapeAsync("");
        foreach (var name in new[]
        {
            "rabbitmq_connections", "rabbitmq_channels", "rabbitmq_consumers", "rabbitmq_queues", "rabbitmq_queue_messages_ready", "rabbitmq_queue_messages_unacked",
            "rabbitmq_process_resident_memory_bytes", "rabbitmq_resident_memory_limit_bytes", "rabbitmq_disk_space_available_bytes", "rabbitmq_process_max_fds",
            "rabbitmq_channel_messages_published_total", "rabbitmq_connections_opened_total", "rabbitmq_alarms_memory_used_watermark",
        })
        {
            Assert.Contains($"\n{name} ", text, StringComparison.Ordinal);
        }

        Assert.Contains("\nrabbitmq_identity_info{rabbitmq_node=\"rabbit@", text, StringComparison.Ordinal);
        Assert.Contains("\nrabbitmq_global_messages_received_total{protocol=\"amqp091\"} ", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Scrape_OfLogins_CountsThoseThatWereRefused()
    {
        var before = await ScrapeAsync("");
        await broker.GetAsync("whoami");
        using var client = broker.ClientOf("guest:wrong");
        using var refused = await client.GetAsync(new Uri("whoami", UriKind.Relative));
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        var text = await ScrapeAsync("");
        Assert.True(CountOf(text, "failed") > CountOf(before, "failed"));
        Assert.True(CountOf(text, "succeeded") > CountOf(before, "succeeded"));

        static long CountOf(string text, string which) => long.Parse(
            text.Split('\n').Single(line => line.StartsWith($"rabbitmq_auth_attempts_{which}_total{{protocol=\"http\"}}", StringComparison.Ordinal)).Split(' ')[^1],
            System.Globalization.CultureInfo.InvariantCulture);
    }

    [Fact]
    public async Task Scrape_PerObject_HasASampleForEachQueue()
    {
        var queue = await broker.DeclareQueueAsync();
        await broker.PublishAsync(queue, "x");
        var text = await ScrapeAsync("/per-object");
        Assert.Contains($"\nrabbitmq_queue_messages_ready{{vhost=\"/\",queue=\"{queue}\"}} 1\n", text, StringComparison.Ordinal);
        Assert.Contains($"\nrabbitmq_queue_messages_published_total{{vhost=\"/\",queue=\"{queue}\"}} 1\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Scrape_OfAQueueThatIsNotConsumed_TellsHowOldItsMessagesAre()
    {
        var queue = await broker.DeclareQueueAsync();
        await broker.PublishAsync(queue, "x");
        var labels = $"{{vhost=\"/\",queue=\"{queue}\"}}";
        var text = await ScrapeAsync("/per-object");
        while (NumberOf(text, $"granary_queue_oldest_ready_age_seconds{labels}") == 0)
        {
            // It came in this very millisecond.
            text = await ScrapeAsync("/per-object");
        }

        Assert.Equal(0, NumberOf(text, $"granary_queue_oldest_unacked_age_seconds{labels}"));
        Assert.InRange(NumberOf(await ScrapeAsync(""), "granary_queue_oldest_ready_age_seconds"), 0.001, 3600);
        Assert.InRange((long)(await broker.GetAsync($"queues/%2F/{queue}"))["oldest_ready_age"]!, 1, 3_600_000);
    }

    [Fact]
    public async Task Scrape_OfHistograms_HasWhatWasDone()
    {
        var queue = await broker.DeclareQueueAsync();
        var before = await ScrapeAsync("");
        await broker.PublishAsync(queue, "x");
        await broker.SendAsync(HttpMethod.Post, $"queues/%2F/{queue}/get", """{"count":1,"ackmode":"ack_requeue_false","encoding":"auto"}""");
        var text = await ScrapeAsync("");
        Assert.True(NumberOf(text, "granary_queue_wait_seconds_count") > NumberOf(before, "granary_queue_wait_seconds_count"));
        Assert.Equal(NumberOf(text, "granary_queue_wait_seconds_count"), NumberOf(text, "granary_queue_wait_seconds_bucket{le=\"+Inf\"}"));
        Assert.Equal(
            ["0.001", "0.005", "0.01", "0.05", "0.1", "0.5", "1.0", "5.0", "10.0", "60.0", "300.0", "3600.0", "86400.0", "+Inf"],
            text.Split('\n').Where(line => line.StartsWith("granary_queue_wait_seconds_bucket", StringComparison.Ordinal)).Select(line => line.Split('"')[1]));
    }

    [Fact]
    public async Task Scrape_OfWhatWasPublished_CountsItBySizeAndWhatBecameOfIt()
    {
        var queue = await broker.DeclareQueueAsync();
        await using var connection = await WireConnection.OpenAsync(broker.Broker.AmqpPort);
        await connection.CallAsync(1, WireMethods.ConfirmSelect(), 85, 11);
        var before = await ScrapeAsync("");
        await connection.PublishAsync(1, WireMethods.BasicPublish("", "there is no such queue"), new byte[10]);
        await connection.ExpectAsync(60, 80);
        await connection.PublishAsync(1, WireMethods.BasicPublish("", queue), new byte[20_000]);
        await connection.ExpectAsync(60, 80);
        var text = await ScrapeAsync("");

        // Other tests may publish as well.
        Assert.True(Risen("message_size_bytes_bucket", ",le=\"100.0\"") >= 1);
        Assert.True(Risen("message_size_bytes_bucket", ",le=\"100000.0\"") >= 2);
        Assert.True(Risen("message_size_bytes_sum") >= 20_010);
        Assert.True(Risen("global_messages_routed_total") >= 1);
        Assert.True(Risen("global_messages_received_confirm_total") >= 2);

        double Risen(string name, string more = "") => NumberOf(text, $"rabbitmq_{name}{{protocol=\"amqp091\"{more}}}") - NumberOf(before, $"rabbitmq_{name}{{protocol=\"amqp091\"{more}}}");
    }

    [Fact]
    public async Task Scrape_OfOneFamily_HasThatAlone()
    {
        var queue = await broker.DeclareQueueAsync();
        var text = await ScrapeAsync("/detailed?family=queue_coarse_metrics&vhost=%2F");
        Assert.Contains($"\nrabbitmq_detailed_queue_messages{{vhost=\"/\",queue=\"{queue}\"}} 0\n", text, StringComparison.Ordinal);
        Assert.Equal(
            [
                "granary_detailed_queue_oldest_ready_age_seconds", "granary_detailed_queue_oldest_unacked_age_seconds", "rabbitmq_build_info",
                "rabbitmq_detailed_queue_messages", "rabbitmq_detailed_queue_messages_ready", "rabbitmq_detailed_queue_messages_unacked", "rabbitmq_identity_info",
            ],
            text.Split('\n').Where(line => line.StartsWith("# TYPE", StringComparison.Ordinal)).Select(line => line.Split(' ')[2]).Order(StringComparer.Ordinal));
        Assert.Contains("rabbitmq_endpoint=\"detailed\"", text, StringComparison.Ordinal);
        Assert.DoesNotContain(queue, await ScrapeAsync("/detailed?family=queue_coarse_metrics&vhost=other"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ports_ForManagementAndMetrics_AnswerNothingOfEachOther()
    {
        using var client = broker.ClientOf("guest:guest");
        using var metrics = await client.GetAsync(new Uri("/metrics", UriKind.Relative));
        Assert.Equal(HttpStatusCode.NotFound, metrics.StatusCode);
        using var api = await client.GetAsync(new Uri(broker.Metrics, "/api/overview"));
        Assert.Equal(HttpStatusCode.NotFound, api.StatusCode);
    }

    [Theory]
    [InlineData("")]
    [InlineData("/per-object")]
    [InlineData("/memory-breakdown")]
    [InlineData("/detailed?family=queue_metrics&family=channel_metrics&family=node_metrics")]
    public async Task Scrape_LookedAtByPromtool_IsWellFormed(string path)
    {
        await broker.DeclareQueueAsync();
        var text = await ScrapeAsync(path);
        Assert.Equal("", await PromtoolAsync(text));
    }

    private static double NumberOf(string text, string series) => double.Parse(
        text.Split('\n').Single(line => line.StartsWith(series + " ", StringComparison.Ordinal)).Split(' ')[^1], System.Globalization.CultureInfo.InvariantCulture);

    private async Task<string> ScrapeAsync(string path)
    {
        using var client = new HttpClient();
        using var response = await client.GetAsync(new Uri(broker.Metrics + path));
        Assert.Equal((HttpStatusCode.OK, "text/plain; version=0.0.4; charset=utf-8"), (response.StatusCode, response.Content.Headers.ContentType!.ToString()));
        return await response.Content.ReadAsStringAsync();
    }

    private static async Task<string> PromtoolAsync(string metrics)
    {
        using var promtool = Process.Start(new ProcessStartInfo("promtool", "check metrics") { RedirectStandardInput = true, RedirectStandardError = true, RedirectStandardOutput = true })!;
        await promtool.StandardInput.WriteAsync(metrics);
        promtool.StandardInput.Close();
        var (output, errors) = (promtool.StandardOutput.ReadToEndAsync(), promtool.StandardError.ReadToEndAsync());
        await promtool.WaitForExitAsync();
        return await output + await errors;
    }
}
