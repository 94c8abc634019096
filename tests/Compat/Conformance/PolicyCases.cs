using Granary.Testing.Brokers;
using Granary.Testing.Logs;
using static Granary.Compat.Tests.Conformance.Checks;
using static Granary.Compat.Tests.Conformance.Steps;

namespace Granary.Compat.Tests.Conformance;

/// <summary>Policies; and where permissions, the consumer timeout and alarms are tested.</summary>
[WatchedBroker]
[MayLog(1205)]
public sealed class PolicyCases(SharedBroker shared) : ConformanceTests(shared)
{
    internal static readonly ConformanceSection Section = new(
        "3.11 to 3.14 Permissions, consumer timeout, policies, alarms",
        [
            Case("a policy trims a queue that is there",
                Declare("q"), Publish("q", "a", "b", "c"), Policy("q", "queues", """{"max-length":1}"""), Has("q", 1), Get("q", "c")),
            Case("a policy is in effect for a queue that comes later",
                Policy("q", "queues", """{"max-length":1}"""), Declare("q"), Publish("q", "a", "b"), Has("q", 1), Get("q", "b")),
            Case("max-length: the lesser of argument and policy, here the policy's",
                Policy("q", "queues", """{"max-length":1}"""), Declare("q", ("x-max-length", 2)), Publish("q", "a", "b"), Has("q", 1)),
            Case("max-length: the lesser of argument and policy, here the argument's",
                Policy("q", "queues", """{"max-length":5}"""), Declare("q", ("x-max-length", 1)), Publish("q", "a", "b"), Has("q", 1)),
            Case("max-length: the lesser of policy and operator policy",
                Policy("q", "queues", """{"max-length":5}"""), OperatorPolicy("q", "queues", """{"max-length":1}"""), Declare("q"), Publish("q", "a", "b"), Has("q", 1)),
            Case("dead-letter-exchange: the argument comes first",
                Declare("dead"), Declare("other"), Policy("q", "queues", """{"dead-letter-exchange":"","dead-letter-routing-key":"{other}"}"""),
                Declare("q", ("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", new Named("dead"))), Publish("q", "a"), Get("q", "a"), Reject("a"),
                Arrives("dead", "a"), Has("other", 0)),
            Case("dead-letter-exchange: by a policy",
                Declare("dead"), Policy("q", "queues", """{"dead-letter-exchange":"","dead-letter-routing-key":"{dead}"}"""), Declare("q"), Publish("q", "a"), Get("q", "a"),
                Reject("a"), Arrives("dead", "a")),
            Case("overflow: by a policy",
                Policy("q", "queues", """{"max-length":1,"overflow":"reject-publish"}"""), Declare("q"), Confirms(), Publish("q", "a"), Acked(1), Publish("q", "b"), Nacked(2)),
            Case("message-ttl: by a policy",
                Declare("dead"), Policy("q", "queues", """{"message-ttl":1,"dead-letter-exchange":"","dead-letter-routing-key":"{dead}"}"""), Declare("q"), Publish("q", "a"),
                Arrives("dead", "a", Header("x-death[0].reason", "expired"))),
            Case("expires: by a policy",
                Policy("q", "queues", """{"expires":100}"""), Declare("q"), Gone("q")),
            Case("alternate-exchange: by a policy",
                Exchange("y", "fanout"), Declare("q"), Bind("q", "y"), Policy("x", "exchanges", """{"alternate-exchange":"{y}"}"""), Exchange("x", "direct"),
                PublishTo("x", "k", "a"), Arrives("q", "a")),
            Case("apply-to: a policy for exchanges is none for queues",
                Policy("q", "exchanges", """{"alternate-exchange":"x"}"""), Declare("q", ("x-max-length", 2)), Publish("q", "a", "b"), Has("q", 2)),
            Case("apply-to: a policy for quorum queues is none for classic ones",
                Policy("q", "quorum_queues", """{"max-length":1}"""), Declare("q"), Publish("q", "a", "b"), Has("q", 2), Get("q", "a"))
                .Since("3.12", "is not known", "rabbit_policy: apply_to"),
            Case("a policy that is cleared has no effect any more",
                Policy("q", "queues", """{"max-length":1}"""), Declare("q"), Publish("q", "a", "b"), Has("q", 1), ClearPolicy("q"), PublishUntil("q", 3)),
            Case("exclusive queues match, too",
                Policy("q", "queues", """{"max-length":1}"""), Declare("q", "exclusive"), Publish("q", "a", "b"), Has("q", 1)),
        ],
        new Elsewhere("permissions of each operation", "tests/Compat/Access/PermissionTests.cs", ""),
        new Elsewhere("patterns of permissions", "tests/Core/Access/NamePatternTests.cs", ""),
        new Elsewhere("topic permissions", "tests/Core/Access/RightsTests.cs", ""),
        new Elsewhere("permissions that change", "tests/Gateway/Amqp/RightsTests.cs", ""),
        new Elsewhere("consumer timeout", "tests/Compat/RabbitMqClient7/Semantics/DispatchTests.cs", "ConsumerTimeout_OfTheQueue_ClosesTheChannelAndRequeues"),
        new Elsewhere("which policy holds, and how two are merged", "tests/Core/Policies/PolicyTableTests.cs", ""),
        new Elsewhere("settings that policies change in a queue that is there", "tests/Silo/Queues/QueuePolicyTests.cs", ""),
        new Elsewhere("what a policy is refused with", "tests/Gateway/Management/PolicyApiTests.cs", ""),
        new Elsewhere("alarms", "tests/Gateway/Alarms/MemoryAlarmTests.cs", ""),
        new Elsewhere("alarms of all nodes", "tests/Cluster/AlarmTests.cs", ""));

    public static IEnumerable<object[]> Rows => Section.Names;

    [Theory]
    [MemberData(nameof(Rows))]
    public Task Row_OnTheBroker_IsAsInRabbitMq(string row) => RunAsync(Section[row]);

    /// <summary>Publishes until so many stay: what holds publishers to less ends at some time.</summary>
    private static Step PublishUntil(string queue, uint messages) => new($"{queue} keeps {messages}", async channel =>
    {
        for (var i = 0; ; i++)
        {
            await Publish(queue, $"more {i}").RunAsync(channel);
            var answer = await channel.CallAsync(Granary.Testing.Wire.WireMethods.QueueDeclare(channel.Stage.NameOf(queue), passive: true), 50, 11);
            var fields = answer.Method.Arguments();
            fields.ShortString();
            if (fields.Long() >= messages)
            {
                return;
            }

            Assert.True(i < 1_000, $"{queue} does not keep {messages}.");
        }
    });
}
