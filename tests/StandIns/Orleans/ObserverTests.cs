using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans.Configuration;

namespace Granary.StandIns.Tests;

public sealed class ObserverTests : IAsyncLifetime
{
    private TestSilo _silo = null!;

    public async Task InitializeAsync() => _silo = await TestSilo.StartAsync();

    public async Task DisposeAsync() => await _silo.DisposeAsync();

    [Fact]
    public async Task Pushes_ToOneObserver_RunOneAtATime()
    {
        var observer = new PushObserver(500);
        var reference = _silo.Grains.CreateObjectReference<IPushObserver>(observer);
        await _silo.Grains.GetGrain<IPushGrain>("p").PushAsync(reference, 500);
        await observer.Complete.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.False(observer.Overlapped);
        Assert.Equal(Enumerable.Range(0, 500), observer.Numbers.Order());
        GC.KeepAlive(observer);
    }

    [Fact]
    public async Task Question_ToAnObserver_IsAnsweredOrFails()
    {
        var observer = new PushObserver(0);
        var reference = _silo.Grains.CreateObjectReference<IPushObserver>(observer);
        var grain = _silo.Grains.GetGrain<IPushGrain>("q");
        Assert.Equal(42, await grain.AskAsync(reference, 21));
        Assert.Contains("negative", (await Assert.ThrowsAsync<ArgumentException>(() => grain.AskAsync(reference, -1))).Message, StringComparison.Ordinal);
        GC.KeepAlive(observer);
    }

    [Fact]
    public async Task Question_ToADeletedReference_TimesOut()
    {
        await using var silo = await StartImpatientAsync();
        var observer = new PushObserver(0);
        var reference = silo.Grains.CreateObjectReference<IPushObserver>(observer);
        silo.Grains.DeleteObjectReference<IPushObserver>(reference);
        await Assert.ThrowsAsync<TimeoutException>(() => reference.AskAsync(1));
        GC.KeepAlive(observer);
    }

    [Fact]
    public async Task Reference_CreatedInAGrain_IsRefused()
        => await Assert.ThrowsAsync<InvalidOperationException>(() => _silo.Grains.GetGrain<IPushGrain>("observing").ObserveAsync());

    [Fact]
    public void Reference_CreatedBeforeTheStart_IsRefused()
    {
        var builder = Host.CreateApplicationBuilder();
        builder.UseOrleans(silo => silo.UseLocalhostClustering(FreePort.Next(), FreePort.Next()));
        using var host = builder.Build();
        var grains = host.Services.GetRequiredService<IGrainFactory>();

        // The real one has not got what it needs and says so badly: with a NullReferenceException.
        Assert.ThrowsAny<SystemException>(() => grains.CreateObjectReference<IPushObserver>(new PushObserver(0)));
    }

    [Fact]
    public async Task Call_ThatIsNeverAnswered_TimesOut()
    {
        await using var silo = await StartImpatientAsync();
        await Assert.ThrowsAsync<TimeoutException>(() => silo.Grains.GetGrain<IPushGrain>("never").NeverAsync());
    }

    [Fact]
    public void References_ToOneGrain_AreEqual()
    {
        var one = _silo.Grains.GetGrain<IPushGrain>("same");
        var two = _silo.Grains.GetGrain<IPushGrain>("same");
        Assert.Equal(one, two);
        Assert.NotEqual(one, _silo.Grains.GetGrain<IPushGrain>("other"));
        Assert.Equal("same", two.GetPrimaryKeyString());
    }

    /// <summary>For what is to time out only: any call of it may on a machine that is busy.</summary>
    private static Task<TestSilo> StartImpatientAsync() => TestSilo.StartAsync(
        silo => silo
            .Configure<SiloMessagingOptions>(options => options.ResponseTimeout = TimeSpan.FromSeconds(2))
            .Configure<GrainCollectionOptions>(options => options.DeactivationTimeout = TimeSpan.FromSeconds(1)));
}
