using Orleans.Concurrency;
using Orleans.StandIn;

namespace Granary.StandIns.Tests;

public interface IUnkindGrain : IGrainWithStringKey
{
    Task CountAsync();

    Task<int> CountedAsync();
}

[Reentrant]
internal sealed class UnkindGrain(Journal journal) : Grain, IUnkindGrain
{
    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        journal.Add("unkind activation");
        return Task.CompletedTask;
    }

    public Task CountAsync()
    {
        journal.Add("counted");
        return Task.CompletedTask;
    }

    public Task<int> CountedAsync() => Task.FromResult(journal.Count("counted"));
}

/// <summary>What only the stand-in can do: be as bad as a cluster, on purpose.</summary>
public sealed class UnkindTests
{
    [Fact]
    public async Task OneWayCalls_UnderASeed_AreLostNowAndThen()
    {
        await using var silo = await StartAsync(options => options.OneWayLossRate = 0.2);
        var grain = silo.Grains.GetGrain<IPushGrain>("lossy");
        for (var number = 0; number < 500; number++)
        {
            await grain.NoteAsync(number);
        }

        Assert.InRange(await grain.NotedAsync(), 1, 499);
    }

    [Fact]
    public async Task Pushes_UnderASeed_OvertakeEachOther()
    {
        await using var silo = await StartAsync(options => options.ReorderRate = 0.3);
        var observer = new PushObserver(200);
        var reference = silo.Grains.CreateObjectReference<IPushObserver>(observer);
        for (var number = 0; number < 200; number++)
        {
            await reference.PushAsync(number);
        }

        await observer.Complete.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.NotEqual(Enumerable.Range(0, 200), observer.Numbers);
        Assert.Equal(Enumerable.Range(0, 200), observer.Numbers.Order());
    }

    [Fact]
    public async Task Calls_UnderASeed_HappenThoughTheirCallerTimesOut()
    {
        await using var silo = await StartAsync(options => options.LostAnswerRate = 0.2);
        var grain = silo.Grains.GetGrain<IUnkindGrain>("timeouts");
        var answers = await Task.WhenAll(Enumerable.Range(0, 200).Select(async _ =>
        {
            try
            {
                await grain.CountAsync();
                return true;
            }
            catch (TimeoutException)
            {
                return false;
            }
        }));
        Assert.Contains(true, answers);
        Assert.Contains(false, answers);

        // A caller whose answer is lost may give up before its call has had its turn.
        await ((Journal)silo.Services.GetService(typeof(Journal))!).WaitForAsync("counted", 200);
    }

    [Fact]
    public async Task Activations_UnderASeed_EndAtRandomUnlessKept()
    {
        await using var silo = await StartAsync(options => options.DeactivationRate = 0.3);
        for (var call = 0; call < 100; call++)
        {
            await silo.Grains.GetGrain<IUnkindGrain>("ends").CountAsync();
            Assert.Equal(1, await silo.Grains.GetGrain<IKeptGrain>("kept").ActivationAsync());
        }

        Assert.InRange(((Journal)silo.Services.GetService(typeof(Journal))!).Count("unkind activation"), 2, 101);
    }

    private static Task<TestSilo> StartAsync(Action<UnkindOptions> configure) => TestSilo.StartAsync(silo => silo.Configure<UnkindOptions>(options =>
    {
        options.Seed = 20_260_101;
        options.ReorderRate = options.OneWayLossRate = options.LostAnswerRate = options.DeactivationRate = 0;
        configure(options);
    }));
}
