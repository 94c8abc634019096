using System.Text.Json;
using Granary.Amqp;
using Granary.Core.Policies;

namespace Granary.Core.Tests.Policies;

/// <summary>What arguments and policies say of how long messages that come back wait, as RabbitMQ 4.3 reads them (rabbit_quorum_queue, get_delayed_retry_config).</summary>
public sealed class DelayedRetryTests
{
    [Theory]
    [InlineData(null, 100L, 200L, "{}", null)]
    [InlineData("all", null, 200L, "{}", null)]
    [InlineData("all", 0L, 200L, "{}", null)]
    [InlineData("disabled", 100L, 200L, "{}", null)]
    [InlineData("ALL", 100L, 200L, "{}", null)]
    [InlineData("all", 100L, 200L, "{}", "all (min: 100ms, max: 200ms)")]
    [InlineData("all", 100L, null, "{}", "all (min: 100ms, max: 100ms)")]
    [InlineData("all", 100L, 0L, "{}", "all (min: 100ms, max: 100ms)")]
    [InlineData("all", 100L, 200L, """{"delayed-retry-type":"failed"}""", "failed (min: 100ms, max: 200ms)")]
    [InlineData("all", 100L, 200L, """{"delayed-retry-type":"disabled"}""", null)]
    [InlineData("all", 100L, 200L, """{"delayed-retry-min":50,"delayed-retry-max":300}""", "all (min: 50ms, max: 200ms)")]
    [InlineData("returned", 100L, 200L, """{"delayed-retry-min":150,"delayed-retry-max":160}""", "returned (min: 100ms, max: 160ms)")]
    [InlineData(null, null, null, """{"delayed-retry-type":"returned","delayed-retry-min":7}""", "returned (min: 7ms, max: 7ms)")]
    public void Retry_IsWhatArgumentsAndPolicyMakeOfIt(string? type, long? least, long? most, string policy, string? expected)
    {
        List<(string, FieldValue)> arguments = [];
        if (type is not null)
        {
            arguments.Add(("x-delayed-retry-type", type));
        }

        if (least is not null)
        {
            arguments.Add(("x-delayed-retry-min", least.Value));
        }

        if (most is not null)
        {
            arguments.Add(("x-delayed-retry-max", most.Value));
        }

        var table = PolicyTable.Empty.With([new Policy("/", "p", "", "all", 0, policy, IsOperator: false)]);
        Assert.Equal(expected, DelayedRetry.Of(FieldTable.Of([.. arguments]), table.Find("/", PolicyTarget.Quorum, "q").Definition)?.ToString());
    }

    [Theory]
    [InlineData(1, 100)]
    [InlineData(2, 200)]
    [InlineData(3, 250)]
    [InlineData(int.MaxValue, 250)]
    public void Delay_GrowsWithTheReturns_UpToTheMost(int returns, long expected) =>
        Assert.Equal(expected, new DelayedRetry(RetryKind.All, 100, 250).DelayOf(returns, hasFailed: false));

    [Fact]
    public void Delay_OfTheLongestTimes_IsATime() =>
        Assert.InRange(new DelayedRetry(RetryKind.All, long.MaxValue, long.MaxValue).DelayOf(9, hasFailed: true)!.Value, 1, long.MaxValue / 4);

    [Theory]
    [InlineData("""{"delayed-retry-type":"all"}""", "delayed-retry-min is required when delayed-retry-type is all")]
    [InlineData("""{"delayed-retry-type":"disabled"}""", null)]
    [InlineData("""{"delayed-retry-min":200,"delayed-retry-max":100}""", "delayed-retry-max (100) must not be smaller than delayed-retry-min (200)")]
    [InlineData("""{"delayed-retry-max":100}""", null)]
    [InlineData("""{"delayed-retry-type":"all","delayed-retry-min":0}""", "0 is not a valid delayed retry minimum delay. Must be a positive integer")]
    [InlineData("""{"delayed-retry-type":"some","delayed-retry-min":1}""", "<<\"some\">> is not a valid delayed retry type. Must be one of: all, failed, returned, disabled")]
    public void Policy_IsRefused_InRabbitMqsWords(string definition, string? expected)
    {
        var draft = new PolicyDraft(JsonDocument.Parse("\"\"").RootElement, JsonDocument.Parse(definition).RootElement, default, default);
        Assert.Equal(expected is null ? null : $"Validation failed\n\n{expected}\n", PolicyRules.Read("/", "p", draft, isOperator: false).Error);
    }
}
