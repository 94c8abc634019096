using System.Text;
using System.Threading.Channels;
using MassTransit;

namespace Granary.Frameworks.Tests;

/// <summary>MassTransit 8.5: publish, request and response, retry, and the queue that failed messages go to.</summary>
public sealed class MassTransitTests(SharedBroker shared) : IClassFixture<SharedBroker>
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private readonly string _queue = $"masstransit.{Guid.NewGuid():N}";

    [Fact]
    public async Task Publish_AHundredEvents_ReachEachSubscriberOnce()
    {
        var first = Channel.CreateUnbounded<int>();
        var second = Channel.CreateUnbounded<int>();
        await using var bus = await StartAsync(rabbit =>
        {
            rabbit.ReceiveEndpoint(_queue, endpoint => endpoint.Handler<Submitted>(context => first.Writer.WriteAsync(context.Message.Number).AsTask()));
            rabbit.ReceiveEndpoint($"{_queue}.2", endpoint => endpoint.Handler<Submitted>(context => second.Writer.WriteAsync(context.Message.Number).AsTask()));
        });

        await Task.WhenAll(Enumerable.Range(0, 100).Select(number => bus.Bus.Publish(new Submitted(number))));

        Assert.Equal(Enumerable.Range(0, 100), (await TakeAsync(first, 100)).Order());
        Assert.Equal(Enumerable.Range(0, 100), (await TakeAsync(second, 100)).Order());
    }

    [Fact]
    public async Task Request_ToAQueue_IsAnswered()
    {
        await using var bus = await StartAsync(rabbit => rabbit.ReceiveEndpoint(
            _queue, endpoint => endpoint.Handler<Question>(context => context.RespondAsync(new Answer(context.Message.Number * 2)))));
        var client = bus.Bus.CreateRequestClient<Question>(new Uri($"queue:{_queue}"), Limit);

        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(number => client.GetResponse<Answer>(new Question(number))));

        Assert.Equal(Enumerable.Range(0, 50).Select(number => number * 2), answers.Select(answer => answer.Message.Number));
    }

    [Fact]
    public async Task Handler_ThatFailsTwice_IsRetried()
    {
        var attempts = Channel.CreateUnbounded<int>();
        await using var bus = await StartAsync(rabbit => rabbit.ReceiveEndpoint(_queue, endpoint =>
        {
            endpoint.UseMessageRetry(retry => retry.Interval(3, TimeSpan.FromMilliseconds(50)));
            endpoint.Handler<Fragile>(async context =>
            {
                await attempts.Writer.WriteAsync(context.GetRetryAttempt());
                if (context.GetRetryAttempt() < 2)
                {
                    throw new InvalidOperationException("not yet");
                }
            });
        }));

        await bus.Bus.Publish(new Fragile(1));

        Assert.Equal([0, 1, 2], await TakeAsync(attempts, 3));
    }

    [Fact]
    public async Task Handler_ThatAlwaysFails_LeavesTheMessageInTheErrorQueue()
    {
        var faults = Channel.CreateUnbounded<string>();
        await using var bus = await StartAsync(rabbit =>
        {
            rabbit.ReceiveEndpoint(_queue, endpoint => endpoint.Handler<Broken>(_ => throw new InvalidOperationException("never")));
            rabbit.ReceiveEndpoint($"{_queue}.faults", endpoint => endpoint.Handler<Fault<Broken>>(
                context => faults.Writer.WriteAsync(context.Message.Exceptions[0].Message).AsTask()));
        });

        await bus.Bus.Publish(new Broken(7));

        var (body, headers) = await shared.TakeAsync($"{_queue}_error");
        Assert.Contains("\"number\": 7", body, StringComparison.Ordinal);
        Assert.Equal("never", Encoding.UTF8.GetString(Assert.IsType<byte[]>(headers["MT-Fault-Message"])));
        Assert.Equal(["never"], await TakeAsync(faults, 1));
    }

    private static async Task<List<T>> TakeAsync<T>(Channel<T> channel, int count)
    {
        using var limit = new CancellationTokenSource(Limit);
        var taken = new List<T>(count);
        while (taken.Count < count)
        {
            taken.Add(await channel.Reader.ReadAsync(limit.Token));
        }

        return taken;
    }

    private async Task<StartedBus> StartAsync(Action<IRabbitMqBusFactoryConfigurator> configure)
    {
        var bus = Bus.Factory.CreateUsingRabbitMq(rabbit =>
        {
            rabbit.Host("127.0.0.1", (ushort)shared.Broker.AmqpPort, "/", host =>
            {
                host.Username("guest");
                host.Password("guest");
            });
            configure(rabbit);
        });
        using var limit = new CancellationTokenSource(Limit);
        await bus.StartAsync(limit.Token);
        return new StartedBus(bus);
    }

    private sealed class StartedBus(IBusControl bus) : IAsyncDisposable
    {
        public IBusControl Bus => bus;

        public async ValueTask DisposeAsync()
        {
            using var limit = new CancellationTokenSource(Limit);
            await bus.StopAsync(limit.Token);
        }
    }
}

/// <summary>An event.</summary>
public sealed record Submitted(int Number);

/// <summary>A request.</summary>
public sealed record Question(int Number);

/// <summary>What a request is answered with.</summary>
public sealed record Answer(int Number);

/// <summary>An event whose handler fails at first.</summary>
public sealed record Fragile(int Number);

/// <summary>An event whose handler always fails.</summary>
public sealed record Broken(int Number);
