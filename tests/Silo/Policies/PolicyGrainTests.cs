using Granary.Core;
using Granary.Core.Grains;
using Granary.Core.Links;
using Granary.Core.Policies;
using Granary.Core.Routing;
using Granary.Core.Topology;
using Granary.Silo.Policies;
using Granary.Silo.Storage.Memory;
using Granary.Silo.Tests.Queues;
using Microsoft.Extensions.DependencyInjection;

namespace Granary.Silo.Tests.Policies;

/// <summary>Policies through the grain: stored, in effect when they are answered, and again after a restart.</summary>
public sealed class PolicyGrainTests
{
    private readonly MemoryStore _store = new();

    // The runtime holds it weakly, and warns of pushes to one that is gone.
    private readonly NoObserver _observer = new();

    [Fact]
    public async Task Changes_AreThereAfterARestart()
    {
        await using (var silo = await TestSilo.StartAsync(store: _store))
        {
            await silo.Grains.Policies().PutAsync([Of("p", """{"max-length":2}"""), Of("q", """{"expires":5}""")], [Parameter.Global("g", "1")]);
            Assert.True(await silo.Grains.Policies().DeletePolicyAsync("/", "q", isOperator: false));
            Assert.False(await silo.Grains.Policies().DeletePolicyAsync("/", "q", isOperator: false));
        }

        await using var next = await TestSilo.StartAsync(store: _store.Copy());
        var entries = (await next.Grains.Policies().ReadAsync()).Entries;
        Assert.Equal(Of("p", """{"max-length":2}"""), Assert.Single(entries, entry => entry.Policy is not null).Policy);
        Assert.Equal(Parameter.Global("g", "1"), Assert.Single(entries, entry => entry.Parameter is not null).Parameter);
    }

    [Fact]
    public async Task AlternateExchange_OfAPolicy_IsInTheSnapshotWhenTheChangeIsAnswered()
    {
        await using var silo = await TestSilo.StartAsync(store: _store);
        var exchange = silo.Grains.Exchange("/", "x");
        Assert.Null(await exchange.DeclareAsync(new ExchangeDeclaration("direct", Durable: true, AutoDelete: false, Internal: false, default)));
        var policies = silo.Grains.Policies();
        await policies.PutAsync([Of("p", """{"alternate-exchange":"other"}""")], []);
        Assert.Equal("other", await AlternateAsync(1));
        await policies.DeletePolicyAsync("/", "p", isOperator: false);
        Assert.Null(await AlternateAsync(2));

        async Task<string?> AlternateAsync(long session) =>
            (await exchange.WatchAsync(Guid.NewGuid(), session, silo.Grains.CreateObjectReference<IExchangeObserver>(_observer)))!.AlternateExchange;
    }

    /// <summary>Until then it counts as one that does not match: its pattern, which is matched by going back, could not be told from the name in time.</summary>
    [Fact]
    public async Task Policy_FoundToMatchLater_IsGoneByWithoutAnyChange()
    {
        await using var silo = await TestSilo.StartAsync(store: _store);
        await silo.Grains.Policies().PutAsync([Of("slow", """{"max-length":2}""") with { Pattern = "^(?=(a+)+$)" }], []);
        var name = new string('a', 60) + "!";
        var queue = silo.Grains.Queue("/", name);
        await queue.DeclareAsync(TestGateway.Declaration(default));
        await using var publisher = await GrainLink.OpenAsync(silo.Grains, queue, ConnectionId.New(), new PublishItem(Batches.Of(0, 3), Resent: false));
        Assert.Equal(3, await CountAsync());
        var copy = silo.Services.GetRequiredService<PolicyCopy>();
        copy.Table.All.Single().Late.AskAgain(asked => asked == name);

        copy.AskAgain();

        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (await CountAsync() != 2)
        {
            await Task.Delay(5, patience.Token);
        }

        async Task<long> CountAsync() => (await queue.DescribeAsync(default)).Messages;
    }

    /// <summary>Of a vhost that is deleted nothing is left that one of the same name would go by.</summary>
    [Fact]
    public async Task RemoveVhost_TakesItsPoliciesAndParametersAlong()
    {
        await using var silo = await TestSilo.StartAsync(store: _store);
        var policies = silo.Grains.Policies();
        await policies.PutAsync([Of("p", """{"max-length":2}"""), Of("p", """{"max-length":2}""") with { Vhost = "v" }], [new Parameter("v", "shovel", "s", "{}")]);
        await policies.RemoveVhostAsync("v");
        Assert.Equal("/", Assert.Single((await policies.ReadAsync()).Entries).Policy!.Vhost);
    }

    [Fact]
    public void Book_HasUnusedQueuesLookedAt_OnlyWhereSomethingLimits()
    {
        var book = new PolicyBook(new PolicyState(), static _ => { });
        book.Put(Of("p", """{"message-ttl":2}"""));
        Assert.Empty(book.Unseen);
        book.Put(Of("q", """{"expires":2}"""));
        var seen = book.Unseen.ToArray();
        book.Put(Of("r", """{"max-length":2}"""));
        book.Seen(seen);
        Assert.Equal("/", Assert.Single(book.Unseen).Key);
        book.Seen([.. book.Unseen]);
        Assert.Empty(book.Unseen);
    }

    private static Policy Of(string name, string definition) => new("/", name, "", "all", 0, definition, IsOperator: false);

    private sealed class NoObserver : IExchangeObserver
    {
        public Task<long> ApplyAsync(ExchangeDelta delta) => Task.FromResult(delta.Number);
    }
}
