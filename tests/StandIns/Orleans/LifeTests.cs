using Orleans.Concurrency;
using Orleans.Configuration;

namespace Granary.StandIns.Tests;

public sealed class LifeTests : IAsyncLifetime
{
    private TestSilo _silo = null!;

    private Journal Journal => (Journal)_silo.Services.GetService(typeof(Journal))!;

    public async Task InitializeAsync() => _silo = await TestSilo.StartAsync();

    public async Task DisposeAsync() => await _silo.DisposeAsync();

    [Fact]
    public async Task Activation_AfterDeactivateOnIdle_IsANewOne()
    {
        var grain = Grain("again");
        Assert.Equal(1, await grain.ActivationAsync());
        await grain.EndAsync();
        Assert.Equal(2, await grain.ActivationAsync());
        Assert.Contains("deactivate again ApplicationRequested", Journal.Entries);
    }

    [Fact]
    public async Task Activation_ThatEndsWhileACallRuns_LetsItFinishAndForwardsTheNext()
    {
        var grain = Grain("slow");
        var running = grain.EndWhileAsync("gate");
        await Journal.WaitForAsync("ending gate");
        var next = grain.ActivationAsync();
        Assert.False(next.IsCompleted);
        Journal.Add("gate");
        await running;
        Assert.Equal(2, await next);
        var entries = Journal.Entries.ToList();
        Assert.True(entries.IndexOf("ended gate") < entries.IndexOf("deactivate slow ApplicationRequested"));
        Assert.True(entries.IndexOf("deactivate slow ApplicationRequested") < entries.LastIndexOf("activate slow"));
    }

    [Fact]
    public async Task Call_ThatHasNotBegunWhenAReentrantActivationEnds_IsForTheNext()
    {
        var grain = _silo.Grains.GetGrain<ILeavingGrain>("leaving");
        for (var life = 0; life < 100; life++)
        {
            var calls = Enumerable.Range(0, 50).Select(i => grain.IsLeftAsync(leave: i == 10)).ToArray();
            Assert.DoesNotContain(true, await Task.WhenAll(calls));
        }
    }

    [Fact]
    public async Task Activation_ThatFails_TellsTheCallerAndIsTriedAgain()
    {
        var grain = _silo.Grains.GetGrain<IFailingGrain>("f");
        var error = await Assert.ThrowsAnyAsync<Exception>(grain.NothingAsync);
        Assert.Contains("not yet", error.ToString(), StringComparison.Ordinal);
        await grain.NothingAsync();
        Assert.Equal(2, Journal.Count("attempt"));
    }

    [Fact]
    public async Task Silo_Stopping_DeactivatesItsGrains()
    {
        var silo = await TestSilo.StartAsync();
        var journal = (Journal)silo.Services.GetService(typeof(Journal))!;
        await silo.Grains.GetGrain<ILifeGrain>("stop").ActivationAsync();
        await silo.DisposeAsync();
        Assert.Contains("deactivate stop ShuttingDown", journal.Entries);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Timer_UntilDisposed_TicksAsTurns(bool interleave)
    {
        var grain = Grain($"timer {interleave}");
        await grain.StartTimerAsync(3, interleave);
        await Journal.WaitForAsync($"done timer {interleave}");
        await grain.EndAsync();
        await grain.ActivationAsync();
        Assert.Equal(0, Journal.Count($"tick timer {interleave} 4"));
    }

    [Fact]
    public async Task State_WrittenAndReadByTheNextActivation_IsThere()
    {
        var grain = Grain("state");
        Assert.False(await grain.ExistsAsync());
        await grain.WriteAsync("one");
        await grain.WriteAsync("two");
        await grain.EndAsync();
        Assert.True(await grain.ExistsAsync());
        Assert.Equal(["one", "two"], (await grain.ReadAsync()).Lines);
        await grain.ClearAsync();
        Assert.False(await grain.ExistsAsync());
        Assert.Empty((await grain.ReadAsync()).Lines);
    }

    [Fact]
    public async Task Argument_ThatIsMutable_IsCopiedInAndOut()
    {
        var grain = Grain("copy");
        var note = new Note { Lines = ["a"], Bytes = [1], Unmarked = "changed" };
        await grain.KeepAsync(note);
        note.Lines.Add("b");
        note.Bytes[0] = 9;
        var kept = await grain.KeptAsync();
        Assert.Equal(["a"], kept.Lines);
        Assert.Equal([1], kept.Bytes);
        Assert.Equal("as new", kept.Unmarked);
        kept.Lines.Add("c");
        Assert.Equal(["a"], (await grain.KeptAsync()).Lines);
    }

    [Fact]
    public async Task Argument_OfBareBytes_IsCopied()
    {
        var grain = Grain("bytes");
        byte[] bytes = [7];
        await grain.KeepBytesAsync(bytes);
        bytes[0] = 8;
        Assert.Equal([7], await grain.KeptBytesAsync());
    }

    [Fact]
    public async Task Argument_MarkedImmutable_PassesByReference()
        => Assert.True(await Grain("same").IsSameAsync(LifeGrain.Shared, new Immutable<byte[]>(LifeGrain.Shared), new(LifeGrain.Shared)));

    [Fact]
    public async Task Argument_OfAnUnmarkedType_IsRefused()
        => await Assert.ThrowsAsync<Orleans.Serialization.CodecNotFoundException>(() => Grain("unmarked").UnmarkedAsync(new LifeTests()));

    [Fact]
    public async Task Idleness_PastTheAge_EndsAllButKeptActivations()
    {
        await using var silo = await TestSilo.StartAsync(builder => builder.Configure<GrainCollectionOptions>(options =>
        {
            options.CollectionQuantum = TimeSpan.FromMilliseconds(100);
            options.CollectionAge = TimeSpan.FromMilliseconds(300);
        }));
        var journal = (Journal)silo.Services.GetService(typeof(Journal))!;
        await silo.Grains.GetGrain<IKeptGrain>("k").ActivationAsync();
        await silo.Grains.GetGrain<ILifeGrain>("idle").ActivationAsync();
        await journal.WaitForAsync("deactivate idle ActivationIdle");
        Assert.Equal(1, await silo.Grains.GetGrain<IKeptGrain>("k").ActivationAsync());
        Assert.Equal(2, await silo.Grains.GetGrain<ILifeGrain>("idle").ActivationAsync());
    }

    private ILifeGrain Grain(string key) => _silo.Grains.GetGrain<ILifeGrain>(key);
}
