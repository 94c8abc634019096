using System.Net;
using System.Text.Json.Nodes;
using Granary.Testing.Brokers;
using Granary.Testing.Wire;

namespace Granary.Gateway.Tests.Management;

/// <summary>
/// What figures were, in the samples that RabbitMQ's management tells. The broker looks at them every five seconds, so the samples are waited for: all that a test
/// expects together, as a look may fall between the change of one figure and that of the next.
/// </summary>
[WatchedBroker]
public sealed class HistoryApiTests(ApiBroker broker) : IClassFixture<ApiBroker>
{
    private const string Ranges = "lengths_age=60&lengths_incr=5&msg_rates_age=60&msg_rates_incr=5&data_rates_age=60&data_rates_incr=5&node_stats_age=60&node_stats_incr=5";

    [Fact]
    public async Task History_OfABusyQueue_HasSamplesOfLengthsAndRates()
    {
        var queue = await broker.DeclareQueueAsync();
        await broker.WaitForAsync($"queues/%2F/{queue}", static queue => queue["idle_since"] is not null);
        await broker.PublishAsync(queue, "one");
        await broker.PublishAsync(queue, "two");
        var told = await broker.WaitForAsync(
            $"queues/%2F/{queue}?{Ranges}",
            static queue => NewestOf(queue["messages_ready_details"]) == 2 && NewestOf(queue["messages_details"]) == 2 && NewestOf(queue["message_stats"]?["publish_details"]) == 2);
        Assert.Equal(0, SamplesOf(told["message_stats"]!["deliver_get_details"])[0]);
        var times = told["messages_ready_details"]!["samples"]!.AsArray().Select(static sample => (long)sample!["timestamp"]!);
        Assert.All(times, static time => Assert.Equal(0, time % 5_000));

        // Until the next look, what was published is taken to have come evenly since the last one: the same sample may be less a moment later.
        await broker.WaitForAsync($"queues?page=1&name={queue}&{Ranges}", static page => NewestOf(page["items"]![0]!["messages_ready_details"]) == 2);
        Assert.Null((await broker.GetAsync($"queues/%2F/{queue}"))["messages_ready_details"]!["samples"]);
    }

    [Fact]
    public async Task History_OfExchangeConnectionAndChannel_HasSamples()
    {
        var queue = await broker.DeclareQueueAsync();
        await using var client = await WireConnection.OpenAsync(broker.Broker.AmqpPort);
        await client.CallAsync(1, WireMethods.BasicConsume(queue, "tag-1"), 60, 21);
        await broker.PublishAsync(queue, "one");
        var consumers = await broker.WaitForAsync("consumers/%2F", all => all.AsArray().Any(item => (string)item!["queue"]!["name"]! == queue));
        var details = consumers.AsArray().First(item => (string)item!["queue"]!["name"]! == queue)!["channel_details"]!;

        var connection = await broker.WaitForAsync($"connections/{Uri.EscapeDataString((string)details["connection_name"]!)}?{Ranges}", static told => SamplesOf(told["recv_oct_details"]).Length > 0);
        Assert.True(SamplesOf(connection["send_oct_details"])[0] > 0);
        var channel = await broker.WaitForAsync(
            $"channels/{Uri.EscapeDataString((string)details["name"]!)}?{Ranges}", static told => NewestOf(told["message_stats"]?["deliver_details"]) == 1);
        Assert.Equal(1, SamplesOf(channel["message_stats"]!["deliver_get_details"])[0]);
        await broker.WaitForAsync(
            $"exchanges/%2F/amq.default?{Ranges}",
            static told => NewestOf(told["message_stats"]?["publish_in_details"]) > 0 && NewestOf(told["message_stats"]?["publish_out_details"]) > 0);
    }

    [Fact]
    public async Task History_OfNodeAndCluster_HasSamples()
    {
        var node = (await broker.WaitForAsync($"nodes?{Ranges}", static told => SamplesOf(told[0]!["mem_used_details"]).Length > 0))[0]!;
        Assert.True(SamplesOf(node["mem_used_details"])[0] > 1_000_000);
        Assert.True(SamplesOf(node["fd_used_details"])[0] > 0);
        var queue = await broker.DeclareQueueAsync();
        await broker.PublishAsync(queue, "one");
        var overview = await broker.WaitForAsync(
            $"overview?{Ranges}",
            static told => NewestOf(told["message_stats"]?["publish_details"]) > 0 && NewestOf(told["queue_totals"]!["messages_details"]) > 0 && NewestOf(told["churn_rates"]!["queue_declared_details"]) > 0);
        Assert.Equal([600L, 86_400L], overview["sample_retention_policies"]!["global"]!.AsArray().Select(static age => (long)age!));
    }

    [Theory]
    [InlineData("lengths_age=0&lengths_incr=5", "age 0, incr 5")]
    [InlineData("msg_rates_age=600&msg_rates_incr=0", "age 600, incr 0")]
    [InlineData("msg_rates_age=600&msg_rates_incr=1", "age 600, incr 1")]
    public async Task History_OfARangeThatIsNone_IsRefused(string query, string told)
    {
        var (status, body) = await broker.SendAsync(HttpMethod.Get, $"overview?{query}");
        Assert.Equal((HttpStatusCode.BadRequest, "bad_request", $"Invalid range parameters: {told}"), (status, (string)body!["error"]!, (string)body["reason"]!));
    }

    private static long? NewestOf(JsonNode? details) => SamplesOf(details) is [var newest, ..] ? newest : null;

    private static long[] SamplesOf(JsonNode? details) => details?["samples"] is JsonArray samples ? [.. samples.Select(static sample => (long)sample!["sample"]!)] : [];
}
