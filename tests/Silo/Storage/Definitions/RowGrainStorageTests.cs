using Granary.Amqp;
using Granary.Core;
using Granary.Core.Routing;
using Granary.Core.Topology;
using Granary.Silo.Exchanges;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Definitions;
using Granary.Testing.Logs;
using Orleans.Storage;

namespace Granary.Silo.Tests.Storage.Definitions;

public sealed class RowGrainStorageTests : IAsyncLifetime
{
    private static readonly GrainId Grain = GrainId.Create("exchange", "%2F/x");

    private readonly RecordingStore _store = new();
    private readonly WatchedLog _watched = new();
    private readonly GroupCommit _commit;
    private readonly RowGrainStorage _storage;

    public RowGrainStorageTests()
    {
        _commit = new GroupCommit(_store, _watched.LoggerOf<GroupCommit>(), static _ => { });
        _storage = new RowGrainStorage(_commit, TimeProvider.System);
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _commit.DisposeAsync();
        _watched.Check();
    }

    [Fact]
    public async Task Write_AllThatAnExchangeIs_IsReadBackTheSame()
    {
        var arguments = EncodedTable.From(FieldTable.Of(("alternate-exchange", "ä \" other")));
        var destination = new Destination(DestinationKind.Exchange, "old", Guid.NewGuid());
        var written = new ExchangeState
        {
            Declaration = new ExchangeDeclaration(ExchangeTypes.Headers, Durable: true, AutoDelete: true, Internal: true, arguments),
            Incarnation = Guid.NewGuid(),
            Sources = ["a", "b"],
            Debts = [new BindingDebt(destination, ["c"])],
        };
        await _storage.WriteStateAsync("exchange", Grain, new GrainState<ExchangeState>(written));

        var state = await ReadAsync();

        Assert.True(state.RecordExists);
        Assert.Equal(written.Declaration, state.State!.Declaration);
        Assert.Equal(written.Incarnation, state.State.Incarnation);
        Assert.Equal(written.Sources, state.State.Sources);
        Assert.Equal(destination, Assert.Single(state.State.Debts).Destination);
        Assert.Equal(["c"], state.State.Debts[0].Sources);
        Assert.Null((await _store.ReadRowAsync(new RowKey("exchange", "%2F/y"), default)));
    }

    [Fact]
    public async Task Binding_AnyFields_IsReadBackTheSame()
    {
        var binding = new Binding(
            new Destination(DestinationKind.Queue, "q\u0001ü", Guid.NewGuid()), "k.#", EncodedTable.From(FieldTable.Of(("x-match", "any"), ("a", 1))));
        await _commit.WriteAsync(BindingRows.Added("%2F/x", binding));

        var row = Assert.Single(await _store.ReadRowsAsync(BindingRows.TableOf("%2F/x"), default));

        Assert.Equal(binding, BindingRows.Parse(row));
        Assert.Equal(row.Key, BindingRows.Removed("%2F/x", binding).Key);
        Assert.NotEqual(row.Key, BindingRows.Removed("%2F/x", binding with { RoutingKey = "k." }).Key);
    }

    [Fact]
    public async Task Write_BeforeTheLastIsThrough_BuildsOnIt()
    {
        var state = await ReadAsync();
        Task[] writes = [Write(state), Write(state), _storage.ClearStateAsync("exchange", Grain, state), Write(state), Write(state)];
        await Task.WhenAll(writes);

        Assert.Equal("2", (await ReadAsync()).ETag);
        Assert.Equal("2", state.ETag);
    }

    [Fact]
    public async Task Write_OfAnotherVersion_IsInconsistent()
    {
        var (one, other) = (await ReadAsync(), await ReadAsync());
        await Write(one);

        await Assert.ThrowsAsync<InconsistentStateException>(() => Write(other));
        await Assert.ThrowsAsync<InconsistentStateException>(() => _storage.ClearStateAsync("exchange", Grain, other));
        Assert.Equal("1", (await ReadAsync()).ETag);
    }

    [Fact]
    public async Task Write_SeveralUnderTheGate_AreOneFlush()
    {
        var (one, other) = (await ReadAsync(), new GrainState<ExchangeState>());
        Task[] writes;
        lock (_commit.Gate)
        {
            writes = [Write(one), _storage.WriteStateAsync("exchange", GrainId.Create("exchange", "%2F/y"), Filled(other)), Write(one)];
        }

        await Task.WhenAll(writes);
        await _commit.DisposeAsync();
        Assert.Equal([3], _store.RowsOfEachFlush);
    }

    private static GrainState<ExchangeState> Filled(GrainState<ExchangeState> state)
    {
        state.State = new ExchangeState { Incarnation = Guid.NewGuid() };
        return state;
    }

    private Task Write(GrainState<ExchangeState> state) => _storage.WriteStateAsync("exchange", Grain, Filled(state));

    private async Task<GrainState<ExchangeState>> ReadAsync()
    {
        var state = new GrainState<ExchangeState>();
        await _storage.ReadStateAsync("exchange", Grain, state);
        return state;
    }
}
