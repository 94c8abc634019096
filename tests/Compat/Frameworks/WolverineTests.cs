using System.Threading.Channels;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Wolverine;
using Wolverine.ErrorHandling;
using Wolverine.RabbitMQ;

namespace Granary.Frameworks.Tests;

/// <summary>Wolverine 6: sending to a queue and listening to it, broadcast by an exchange, and the queue that failed messages go to.</summary>
public sealed class WolverineTests(SharedBroker shared) : IClassFixture<SharedBroker>
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private readonly string _name = $"wolverine.{Guid.NewGuid():N}";

    [Fact]
    public async Task Send_AHundredCommands_AreHandledOnce()
    {
        using var host = await StartAsync(options =>
        {
            options.PublishMessage<Pack>().ToRabbitQueue(_name);
            options.ListenToRabbitQueue(_name);
        });
        var handled = host.Services.GetRequiredService<Handled>();
        var bus = host.Services.GetRequiredService<IMessageBus>();
        for (var number = 0; number < 100; number++)
        {
            await bus.SendAsync(new Pack(number));
        }

        Assert.Equal(Enumerable.Range(0, 100).Select(number => $"pack {number}"), (await handled.TakeAsync(100)).OrderBy(text => text.Length).ThenBy(text => text));
        await host.StopAsync();
    }

    [Fact]
    public async Task Handler_ThatAlwaysFails_IsRetriedAndLeavesTheMessageInTheErrorQueue()
    {
        var errors = $"{_name}.errors";
        using var host = await StartAsync(options =>
        {
            options.PublishMessage<Ship>().ToRabbitQueue(_name);
            options.ListenToRabbitQueue(_name).DeadLetterQueueing(new DeadLetterQueue(errors));
            options.Policies.OnException<TimeoutException>().RetryTimes(2).Then.MoveToErrorQueue();
        });
        await host.Services.GetRequiredService<IMessageBus>().SendAsync(new Ship(7));

        var (body, _) = await shared.TakeAsync(errors);
        Assert.Contains("7", body, StringComparison.Ordinal);
        Assert.Equal(["ship 7", "ship 7", "ship 7"], await host.Services.GetRequiredService<Handled>().TakeAsync(3));
        await host.StopAsync();
    }

    private Task<IHost> StartAsync(Action<WolverineOptions> configure) => Host.CreateDefaultBuilder().UseWolverine(options =>
    {
        options.UseRabbitMq(new Uri(shared.Broker.AmqpUrl)).AutoProvision();
        options.Services.AddSingleton<Handled>();
        options.Discovery.DisableConventionalDiscovery().IncludeType<PackHandler>().IncludeType<ShipHandler>();
        configure(options);
    }).StartAsync();

    /// <summary>What the handlers were given, in order.</summary>
    public sealed class Handled
    {
        private readonly Channel<string> _texts = Channel.CreateUnbounded<string>();

        public void Add(string text) => _texts.Writer.TryWrite(text);

        public async Task<List<string>> TakeAsync(int count)
        {
            using var limit = new CancellationTokenSource(Limit);
            var taken = new List<string>(count);
            while (taken.Count < count)
            {
                taken.Add(await _texts.Reader.ReadAsync(limit.Token));
            }

            return taken;
        }
    }
}

/// <summary>A command that is done.</summary>
public sealed record Pack(int Number);

/// <summary>A command that fails.</summary>
public sealed record Ship(int Number);

/// <summary>Wolverine finds handlers by their method.</summary>
public sealed class PackHandler
{
    public static void Handle(Pack pack, WolverineTests.Handled handled) => handled.Add($"pack {pack.Number}");
}

/// <summary>Fails each time.</summary>
public sealed class ShipHandler
{
    public static void Handle(Ship ship, WolverineTests.Handled handled)
    {
        handled.Add($"ship {ship.Number}");
        throw new TimeoutException("no ship today");
    }
}
