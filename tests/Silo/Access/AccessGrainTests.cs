using Granary.Core;
using Granary.Core.Access;
using Granary.Core.Grains;
using Granary.Core.Topology;
using Granary.Silo.Access;
using Granary.Silo.Storage.Memory;

namespace Granary.Silo.Tests.Access;

/// <summary>Changes of users, vhosts and permissions through the grain: stored, told to who holds them, and finished by whoever comes after a crash.</summary>
public sealed class AccessGrainTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private static readonly ConnectionId Somebody = ConnectionId.New();

    private readonly MemoryStore _store = new();

    [Fact]
    public async Task Changes_AreThereAfterARestart()
    {
        await using (var silo = await TestSilo.StartAsync(store: _store))
        {
            var access = silo.Grains.Access();
            await Task.WhenAll(Enumerable.Range(0, 50).Select(i => access.PutUserAsync(new UserSettings($"user {i}")).AsTask()));
            Assert.Equal(new AccessAnswer(AccessOutcome.Created), await access.PutVhostAsync(new VhostSettings("/v")));
            Assert.Equal(new AccessAnswer(AccessOutcome.Created), await access.SetPermissionAsync(Permission.Full("user 7", "/v")));
            Assert.Equal(new AccessAnswer(AccessOutcome.Changed), await access.DeleteUserAsync("guest"));
        }

        await using var next = await TestSilo.StartAsync(store: _store.Copy());
        Assert.Equal(50, (await next.Grains.Access().ListUsersAsync()).Length);
        Assert.Equal(["/", "/v"], (await next.Grains.Access().ListVhostsAsync()).Select(vhost => vhost.Name));
        Assert.Equal(Permission.Full("user 7", "/v"), Assert.Single(await next.Grains.Access().ListPermissionsAsync()));
    }

    [Fact]
    public async Task PageKey_IsMadeOnceForTheStore()
    {
        byte[] key;
        await using (var silo = await TestSilo.StartAsync(store: _store))
        {
            var access = silo.Grains.Access();
            var keys = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => access.GetPageKeyAsync().AsTask()));
            key = keys[0].Value;
            Assert.All(keys, one => Assert.Equal(key, one.Value));
            Assert.Contains(key, octet => octet != 0);
            await access.PutUserAsync(new UserSettings("joe"));
        }

        await using var next = await TestSilo.StartAsync(store: _store.Copy());
        Assert.Equal(key, (await next.Grains.Access().GetPageKeyAsync()).Value);
    }

    [Fact]
    public async Task Change_IsAnsweredWhenEveryHolderHasIt()
    {
        await using var silo = await TestSilo.StartAsync(store: _store);
        var access = silo.Grains.Access();
        var holder = new Holder();
        var snapshot = await access.WatchAsync(Guid.NewGuid(), 1, silo.Grains.CreateObjectReference<IAccessObserver>(holder));
        Assert.Contains(snapshot.Entries, entry => entry.User?.Name == "guest");

        var changed = access.PutUserAsync(new UserSettings("joe")).AsTask();
        var delta = await holder.NextAsync();
        Assert.Equal("joe", Assert.Single(delta.Changes).User!.Name);

        // Many turns later nobody has said that it goes by the change.
        for (var turn = 0; turn < 100; turn++)
        {
            Assert.NotNull(await access.FindUserAsync("joe"));
        }

        Assert.False(changed.IsCompleted);
        holder.Answer(delta.Number);

        Assert.Equal(AccessOutcome.Created, (await changed.WaitAsync(Patience)).Outcome);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task DeleteVhost_TakesAllThatIsInItAndNothingElse(bool isUnkind)
    {
        await using var silo = await TestSilo.StartAsync(isUnkind ? 4711 : null, _store);
        var access = silo.Grains.Access();
        await AskAsync(() => access.PutVhostAsync(new VhostSettings("/v")));
        await DeclareAsync(silo.Grains, "/");
        await DeclareAsync(silo.Grains, "/v");

        var answer = await AskAsync(() => access.DeleteVhostAsync("/v"));
        Assert.True(answer.IsDone || isUnkind, $"{answer}");

        Assert.Equal(["/"], (await AskAsync(() => access.ListVhostsAsync())).Select(vhost => vhost.Name));
        Assert.Equal(["q-durable", "q-exclusive", "q-transient"], await FindAsync(silo.Grains, "/"));
        Assert.Empty(await FindAsync(silo.Grains, "/v"));
        Assert.Null(await AskAsync(() => silo.Grains.Exchange("/v", "x-durable").DescribeAsync()));
        Assert.Null(await AskAsync(() => silo.Grains.Exchange("/v", "x-transient").DescribeAsync()));
        Assert.Empty(await AskAsync(() => silo.Grains.Exchange("/v", "amq.topic").ListBindingsAsync()));
        Assert.NotEmpty(await AskAsync(() => silo.Grains.Exchange("/", "amq.topic").ListBindingsAsync()));
        Assert.Equal(new AccessAnswer(AccessOutcome.Missing), await AskAsync(() => access.DeleteVhostAsync("/v")));
        foreach (var table in new[] { "queue", "exchange", "bindings %2Fv/amq.topic", "bindings %2Fv/x-durable" })
        {
            Assert.DoesNotContain(await _store.ReadRowsAsync(table, default), row => row.Key.Key.StartsWith("%2Fv/", StringComparison.Ordinal) || table.Contains("%2Fv/", StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task DeleteVhost_ThatACrashEndedInTheMiddle_IsFinishedWithoutAnybodyAsking()
    {
        MemoryStore crashed;
        await using (var silo = await TestSilo.StartAsync(store: _store))
        {
            await silo.Grains.Access().PutVhostAsync(new VhostSettings("/v"));
            await DeclareAsync(silo.Grains, "/v");

            // As it is stored when the deletion has begun, which is not before everybody has heard of it.
            var holder = new Holder();
            await silo.Grains.Access().WatchAsync(Guid.NewGuid(), 1, silo.Grains.CreateObjectReference<IAccessObserver>(holder));
            var deleted = silo.Grains.Access().DeleteVhostAsync("/v").AsTask();
            var delta = await holder.NextAsync();
            crashed = await StoredDeletionAsync();
            holder.Answer(delta.Number);
            holder.AnswerAll();
            await deleted.WaitAsync(Patience);
        }

        Assert.NotEmpty(await crashed.ReadRowsAsync("queue", default));
        await using var next = await TestSilo.StartAsync(store: crashed);
        await WaitUntilAsync(async () => (await crashed.ReadRowsAsync("queue", default)).Count == 0 && (await crashed.ReadRowsAsync("exchange", default)).Count == 0);
        await WaitUntilAsync(async () => !System.Text.Encoding.UTF8.GetString((await crashed.ReadRowAsync(AccessRows.Key, default))!.Value.Span).Contains("/v", StringComparison.Ordinal));
        Assert.Empty(await FindAsync(next.Grains, "/v"));
    }

    [Fact]
    public async Task PutVhost_WhileItIsDeleted_IsANewOne()
    {
        await using var silo = await TestSilo.StartAsync(store: _store);
        var access = silo.Grains.Access();
        await access.PutVhostAsync(new VhostSettings("/v") { Description = "old" });
        await DeclareAsync(silo.Grains, "/v");

        var deleted = access.DeleteVhostAsync("/v").AsTask();
        await WaitUntilAsync(async () => (await access.ListVhostsAsync()).Length == 1);
        var put = access.PutVhostAsync(new VhostSettings("/v")).AsTask();
        await Task.WhenAll(deleted, put).WaitAsync(Patience);

        var vhost = (await access.ListVhostsAsync()).Single(vhost => vhost.Name == "/v");
        Assert.Equal("", vhost.Description);
        Assert.Empty(await FindAsync(silo.Grains, "/v"));
    }

    private static async Task DeclareAsync(IGrainFactory grains, string vhost)
    {
        foreach (var (name, durable, exclusive) in new[] { ("q-durable", true, false), ("q-transient", false, false), ("q-exclusive", false, true) })
        {
            var queue = grains.Queue(vhost, name);
            Assert.Null((await AskAsync(() => queue.DeclareAsync(new QueueDeclaration(Somebody, durable, exclusive, false, default, false)))).Error);
            var incarnation = (await AskAsync(() => queue.AddBindingSourceAsync(Somebody, "amq.topic"))).Incarnation;
            await BindAsync(grains, vhost, new Destination(DestinationKind.Queue, name, incarnation), durable);
        }

        foreach (var (name, durable) in new[] { ("x-durable", true), ("x-transient", false) })
        {
            var exchange = grains.Exchange(vhost, name);
            Assert.Null(await AskAsync(() => exchange.DeclareAsync(new ExchangeDeclaration("topic", durable, false, false, default))));
            var incarnation = (await AskAsync(() => exchange.AddBindingSourceAsync("amq.topic"))).Incarnation;
            await BindAsync(grains, vhost, new Destination(DestinationKind.Exchange, name, incarnation), durable);
        }

        // Between two that are always there.
        var fanout = (await AskAsync(() => grains.Exchange(vhost, "amq.fanout").AddBindingSourceAsync("amq.topic"))).Incarnation;
        await BindAsync(grains, vhost, new Destination(DestinationKind.Exchange, "amq.fanout", fanout), isDurable: true);
    }

    private static async Task BindAsync(IGrainFactory grains, string vhost, Destination destination, bool isDurable) =>
        Assert.Null(await AskAsync(() => grains.Exchange(vhost, "amq.topic").BindAsync(new Binding(destination, destination.Name, default), isDurable)));

    private static async Task<string[]> FindAsync(IGrainFactory grains, string vhost)
    {
        List<string> found = [];
        foreach (var name in new[] { "q-durable", "q-exclusive", "q-transient" })
        {
            if ((await AskAsync(() => grains.Queue(vhost, name).DescribeAsync(Somebody))).Error is null)
            {
                found.Add(name);
            }
        }

        return [.. found];
    }

    // Calls may be lost; what is asked for may happen twice.
    private static async Task<T> AskAsync<T>(Func<ValueTask<T>> ask)
    {
        for (var left = 20; ; left--)
        {
            try
            {
                return await ask();
            }
            catch (TimeoutException) when (left > 0)
            {
                // Once more.
            }
        }
    }

    private async Task<MemoryStore> StoredDeletionAsync()
    {
        await WaitUntilAsync(async () => System.Text.Encoding.UTF8.GetString((await _store.ReadRowAsync(AccessRows.Key, default))!.Value.Span).Contains("isBeingDeleted", StringComparison.Ordinal));
        return _store.Copy();
    }

    private static async Task WaitUntilAsync(Func<Task<bool>> condition)
    {
        var since = System.Diagnostics.Stopwatch.StartNew();
        while (!await condition())
        {
            Assert.True(since.Elapsed < Patience, "waited for ever");
            await Task.Delay(10);
        }
    }

    private sealed class Holder : IAccessObserver
    {
        private readonly System.Threading.Channels.Channel<AccessDelta> _deltas = System.Threading.Channels.Channel.CreateUnbounded<AccessDelta>();
        private TaskCompletionSource<long> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private bool _answersAll;

        public Task<long> ApplyAsync(AccessDelta delta)
        {
            if (_answersAll)
            {
                return Task.FromResult(delta.Number);
            }

            _deltas.Writer.TryWrite(delta);
            return _answer.Task;
        }

        public async Task<AccessDelta> NextAsync() => await _deltas.Reader.ReadAsync().AsTask().WaitAsync(Patience);

        public void Answer(long number)
        {
            var answer = _answer;
            _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
            answer.SetResult(number);
        }

        public void AnswerAll() => _answersAll = true;
    }
}
