using Granary.Gateway.Management.Frame;
using Microsoft.AspNetCore.Http;

namespace Granary.Gateway.Management.Nodes;

/// <summary>What RabbitMQ has and this broker has not (yet): lists are empty, so that tools that look go on, and a wish to change something is refused with the reason.</summary>
internal sealed class AbsentResources : IResource
{
    private static readonly (string Path, Need Sees, string What)[] Absent =
    [
        ("/shovels", Need.Management, "Shovels"),
        ("/federation-links", Need.Monitor, "Federation"),
        ("/deprecated-features", Need.Administrator, "Deprecated features"),
    ];

    public void Map(ApiRoutes routes)
    {
        foreach (var (path, sees, what) in Absent)
        {
            Func<ApiCall, Task> refuse = _ => throw new ApiException(StatusCodes.Status501NotImplemented, "not_implemented", $"{what} cannot be changed: this broker has none yet");
            routes.Get(path, sees, ListNothingAsync);
            foreach (var deeper in (string[])["/{a}", "/{a}/{b}", "/{a}/{b}/{c}"])
            {
                // What is one thing there is no such thing; what is a list of some vhost is empty.
                routes.Get($"{path}{deeper}", sees, deeper.Length > 4 ? static _ => throw ApiException.NotFound() : ListNothingAsync);
                routes.Put($"{path}{deeper}", Need.Policymaker, refuse);
                routes.Delete($"{path}{deeper}", Need.Policymaker, static _ => throw ApiException.NotFound());
            }
        }
    }

    private static Task ListNothingAsync(ApiCall call) => call.ReplyListAsync(Array.Empty<Refusal>(), ApiJson.Default.Refusal, static _ => "");
}
