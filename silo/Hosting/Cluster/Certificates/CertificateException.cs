namespace Granary.Silo.Hosting.Cluster.Certificates;

/// <summary>Files of certificates cannot be used; the message names the file, for the operator.</summary>
internal sealed class CertificateException(string message, Exception? inner = null) : Exception(message, inner);
