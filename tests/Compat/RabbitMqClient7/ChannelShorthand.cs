using System.Text;
using RabbitMQ.Client;

namespace Granary.RabbitMqClient7.Tests;

/// <summary>The calls nearly every case makes, in fewer words.</summary>
internal static class ChannelShorthand
{
    /// <summary>Opens a channel on which a publish completes with its confirm.</summary>
    public static Task<IChannel> ConfirmedChannelAsync(this IConnection connection) =>
        connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));

    /// <summary>Declares a server-named queue that goes with its connection.</summary>
    public static async Task<string> OwnQueueAsync(this IChannel channel, IDictionary<string, object?>? arguments = null) =>
        (await channel.QueueDeclareAsync("", durable: false, exclusive: true, autoDelete: false, arguments)).QueueName;

    /// <summary>A header that the broker wrote as text.</summary>
    public static string Text(object? value) => Encoding.UTF8.GetString((byte[])value!);

    /// <summary>Publishes text.</summary>
    public static async Task SendAsync(
        this IChannel channel, string exchange, string key, string body, BasicProperties? properties = null, bool mandatory = false) =>
        await channel.BasicPublishAsync(exchange, key, mandatory, properties ?? new BasicProperties(), Encoding.UTF8.GetBytes(body));

    /// <summary>Publishes several texts to a queue in order.</summary>
    public static async Task SendAllAsync(this IChannel channel, string queue, params string[] bodies)
    {
        foreach (var body in bodies)
        {
            await channel.SendAsync("", queue, body);
        }
    }

    /// <summary>The body of the first message, settled at once; null when the queue is empty.</summary>
    public static async Task<string?> PopAsync(this IChannel channel, string queue) =>
        await channel.BasicGetAsync(queue, autoAck: true) is { } got ? Encoding.UTF8.GetString(got.Body.Span) : null;

    /// <summary>The bodies of all that is ready, settled at once.</summary>
    public static async Task<List<string>> DrainAsync(this IChannel channel, string queue)
    {
        var bodies = new List<string>();
        while (await channel.PopAsync(queue) is { } body)
        {
            bodies.Add(body);
        }

        return bodies;
    }
}
